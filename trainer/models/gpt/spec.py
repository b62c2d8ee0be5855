"""Settings and sizes of the GPT family. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainer.errors import SpecError
from trainer.families import Family


@dataclass(frozen=True, kw_only=True, slots=True)
class GPTSpec:
    """A decoder-only Transformer, in the classic form of GPT-2/3 or the modern form of Llama and Qwen."""

    form: Literal["classic", "modern"] = "modern"
    """classic: learned positions, LayerNorm, GELU. modern: RoPE, RMSNorm, SwiGLU, grouped queries."""

    num_layers: int = 6
    """Blocks of attention and feed-forward, one after the other."""

    model_width: int = 256
    """Width of the residual stream."""

    num_heads: int = 8
    """Attention heads; each looks at the text in its own way."""

    num_kv_heads: int = 0
    """Heads of keys and values, shared by several query heads; 0: as many as heads. modern only."""

    head_width: int = 0
    """Width of a head; 0: model width / heads."""

    feed_forward_width: int = 0
    """Inner width of the feed-forward part; 0: 4 x model width (classic), 8/3 x rounded up to 64 (modern)."""

    context_length: int = 256
    """Most tokens the model can see at once."""

    tied_embeddings: bool = True
    """The output uses the input embedding's matrix: fewer parameters."""

    qk_norm: bool = False
    """Normalise queries and keys: steadier at high learning rates. modern only."""

    rope_theta: float = 10_000.0
    """Base of the rotary positions. modern only."""

    def __post_init__(self) -> None:
        for name in ("num_layers", "model_width", "num_heads", "context_length"):
            if getattr(self, name) < 1:
                raise SpecError(f"model.{name} is {getattr(self, name)}; it must be at least 1")
        if not self.head_width and self.model_width % self.num_heads:
            raise SpecError(f"model.num_heads ({self.num_heads}) must divide model.model_width ({self.model_width})")
        if self.num_kv_heads and self.num_heads % self.num_kv_heads:
            raise SpecError(f"model.num_kv_heads ({self.num_kv_heads}) must divide model.num_heads ({self.num_heads})")


FAMILY = Family(
    name="gpt",
    title="GPT",
    summary="Writes text: learns to continue what it reads, token by token.",
    spec_type=GPTSpec,
    presets={
        "nano": GPTSpec(num_layers=3, model_width=96, num_heads=3, context_length=128),
    },
    data_kind="text",
    task="trainer.models.gpt.task:GPTTask",
)
