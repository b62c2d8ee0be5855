"""Settings and sizes of the GPT family. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from trainer.errors import SpecError
from trainer.families import DataFacts, Family
from trainer.limits import check_above, check_at_least
from trainer.models.sizes import fewer

TemplateName = Literal["roles", "chatml"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GPTSpec:
    """A decoder-only Transformer, in the classic form of GPT-2/3 or the modern form of Llama and Qwen."""

    objective: Literal["continue", "answer", "prefer"] = "continue"
    """continue: each next token of plain text. answer: the assistant's words in conversations. prefer: the better of two
    answers, from a model that answers already (DPO)."""

    template: TemplateName = "roles"
    """answer and prefer: how a conversation is written. roles: <|user|> and <|assistant|>. chatml: as Qwen has it."""

    beta: float = 0.1
    """prefer only: how strongly the model is held to what it was at the start; smaller lets it move farther."""

    chosen_weight: float = 0.0
    """prefer only: how much the better answer's own loss (a token) counts besides. 0: not at all, and both answers may become
    unlikely together, the worse one more so; 0.2, as Llama 3 took, holds the better one up."""

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

    norm_eps: float = 1e-5
    """Added to the variance in the norms. Llama and Qwen 2 have 1e-6 or 1e-5."""

    qkv_bias: bool = False
    """Queries, keys and values have biases, as in Qwen 2. modern only; the classic form always has them."""

    def __post_init__(self) -> None:
        for name in ("num_layers", "model_width", "num_heads", "context_length"):
            check_at_least(f"model.{name}", getattr(self, name), 1)
        for name in ("num_kv_heads", "head_width", "feed_forward_width"):
            check_at_least(f"model.{name}", getattr(self, name), 0)
        for name in ("rope_theta", "norm_eps", "beta"):
            check_above(f"model.{name}", getattr(self, name), 0)
        if not 0 <= self.chosen_weight < math.inf:
            raise SpecError(f"model.chosen_weight is {self.chosen_weight}; it must be a number of at least 0")
        if not self.head_width and self.model_width % self.num_heads:
            raise SpecError(f"model.num_heads ({self.num_heads}) must divide model.model_width ({self.model_width})")
        if self.form == "modern" and self.width_of_head % 2:
            raise SpecError(f"the head width is {self.width_of_head}; rotary positions turn pairs, so it must be even")
        if self.num_kv_heads and self.num_heads % self.num_kv_heads:
            raise SpecError(f"model.num_kv_heads ({self.num_kv_heads}) must divide model.num_heads ({self.num_heads})")
        if self.form == "classic" and self.num_kv_heads not in (0, self.num_heads):
            raise SpecError(f"model.num_kv_heads is {self.num_kv_heads}; the classic form has as many as heads: set 0")
        if self.form == "classic" and self.qk_norm:
            raise SpecError("model.qk_norm is on; only the modern form has it: turn it off or set model.form to modern")

    @property
    def width_of_head(self) -> int:
        """Width of a head, with 0 resolved."""
        return self.head_width or self.model_width // self.num_heads

    @property
    def num_key_value_heads(self) -> int:
        """Heads of keys and values, with 0 resolved."""
        return self.num_kv_heads or self.num_heads

    @property
    def width_of_feed_forward(self) -> int:
        """Inner width of the feed-forward part, with 0 resolved."""
        if self.feed_forward_width:
            return self.feed_forward_width
        if self.form == "classic":
            return 4 * self.model_width
        return -(-8 * self.model_width // (3 * 64)) * 64


def modern(num_layers: int, model_width: int, num_heads: int, context_length: int) -> GPTSpec:
    """Return a size of the modern form."""
    return GPTSpec(
        num_layers=num_layers,
        model_width=model_width,
        num_heads=num_heads,
        context_length=context_length,
    )


def classic(num_layers: int, model_width: int, num_heads: int, context_length: int) -> GPTSpec:
    """Return a size of the classic form."""
    return GPTSpec(
        form="classic",
        num_layers=num_layers,
        model_width=model_width,
        num_heads=num_heads,
        context_length=context_length,
    )


# Small ones learn on a processor; parameters inside the blocks, without the embedding, stand beside them.
SMALL = {
    "nano": modern(3, 96, 3, 128),  # 0.33 M
    "micro": modern(4, 160, 5, 256),  # 1.3 M
    "mini": modern(6, 256, 8, 256),  # 4.8 M
    "small": modern(8, 384, 6, 512),  # 14 M
    "base": modern(12, 768, 12, 1_024),  # 85 M
}
# Radford et al. 2019, table 2
GPT2 = {
    "gpt2": classic(12, 768, 12, 1_024),
    "gpt2-medium": classic(24, 1_024, 16, 1_024),
    "gpt2-large": classic(36, 1_280, 20, 1_024),
    "gpt2-xl": classic(48, 1_600, 25, 1_024),
}
# Brown et al. 2020, table 2.1, but for two rows that contradict themselves: 1.3B with 24 heads of width 128 on a width
# of 2,048 (16 heads fill it, and give 1.3 B parameters; 24 give 1.5), 13B with 40 such heads on 5,140 (they fill 5,120).
GPT3 = {
    "gpt3-125m": classic(12, 768, 12, 2_048),
    "gpt3-350m": classic(24, 1_024, 16, 2_048),
    "gpt3-760m": classic(24, 1_536, 16, 2_048),
    "gpt3-1.3b": classic(24, 2_048, 16, 2_048),
    "gpt3-2.7b": classic(32, 2_560, 32, 2_048),
    "gpt3-6.7b": classic(32, 4_096, 32, 2_048),
    "gpt3-13b": classic(40, 5_120, 40, 2_048),
    "gpt3-175b": classic(96, 12_288, 96, 2_048),
}


def shrunk(model: GPTSpec, keep: float) -> GPTSpec:
    """Return the settings with that share of the heads and of the inner width; heads that share keys go together."""
    groups = fewer(model.num_key_value_heads, keep)
    return replace(
        model,
        num_heads=groups * (model.num_heads // model.num_key_value_heads),
        num_kv_heads=groups if model.num_kv_heads else 0,
        head_width=model.width_of_head,
        feed_forward_width=fewer(model.width_of_feed_forward, keep, step=8),
    )


OBJECTIVE_OF_DATA = {"text": "continue", "chats": "answer", "preferences": "prefer"}


def suited(facts: DataFacts) -> dict[str, str]:
    """Return the objective that data of this kind is for."""
    return {"objective": OBJECTIVE_OF_DATA[facts.data_kind]} if facts.data_kind in OBJECTIVE_OF_DATA else {}


def abilities_of_spec(spec: GPTSpec) -> frozenset[str]:
    """Return what a model can be asked for: one that learnt from conversations answers as well."""
    usual = frozenset({"generate", "inspect", "attention", "explain"})
    return usual if spec.objective == "continue" else usual | {"chat"}


FAMILY = Family(
    name="gpt",
    title="GPT",
    summary="Writes text: learns to continue what it reads, token by token.",
    spec_type=GPTSpec,
    presets={**SMALL, **GPT2, **GPT3},
    data_kind="text",
    other_data_kinds=("chats", "preferences"),
    suited=suited,
    essential=("objective",),
    task="trainer.models.gpt.task:GPTTask",
    formats=("folder", "gguf", "onnx", "torch_export"),
    abilities=frozenset({"generate", "inspect", "attention", "explain"}),
    abilities_of_spec=abilities_of_spec,
    is_default=True,
    shrunk=shrunk,
    prunable=frozenset({"num_heads", "num_kv_heads", "head_width", "feed_forward_width"}),
    taught=lambda model: model.objective != "prefer",
    calibration_presets=("nano", "micro", "mini", "small"),
    free_settings=frozenset({"objective", "template", "beta", "chosen_weight"}),
)
