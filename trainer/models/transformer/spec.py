"""Settings and sizes of the encoder-decoder Transformer. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from trainer.errors import SpecError
from trainer.families import Family
from trainer.limits import check_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformerSpec:
    """An encoder that reads the source and a decoder that writes the target, as in 2017."""

    num_encoder_layers: int = 3
    """Blocks that read the source."""

    num_decoder_layers: int = 3
    """Blocks that write the target."""

    model_width: int = 128
    """Width of the residual stream."""

    num_heads: int = 4
    """Attention heads."""

    feed_forward_width: int = 0
    """Inner width of the feed-forward part; 0: 4 x model width."""

    context_length: int = 128
    """Most tokens of each side; a longer source is cut at its end, a longer target is not learnt behind it."""

    norms: Literal["pre", "post"] = "pre"
    """post: behind each part, as in 2017. pre: before it, which learns at higher rates and without a long warm-up."""

    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """sinusoidal: waves, as in 2017. learned: a table for each side."""

    tied_embeddings: bool = True
    """The output uses the input embedding's matrix. Both sides always share one table of tokens."""

    num_beams: int = 4
    """Hypotheses kept while an evaluation writes; 1: always the likeliest token."""

    length_penalty: float = 0.6
    """Exponent by which longer hypotheses are helped, as Wu et al. 2016 have it; 0: none."""

    num_scored: int = 500
    """Examples of a split that an evaluation writes and scores by BLEU, chrF and ROUGE. 0: all, which takes longer."""

    def __post_init__(self) -> None:
        for name in ("num_encoder_layers", "num_decoder_layers", "model_width", "num_heads", "num_beams"):
            check_at_least(f"model.{name}", getattr(self, name), 1)
        for name in ("feed_forward_width", "length_penalty", "num_scored"):
            check_at_least(f"model.{name}", getattr(self, name), 0)
        if self.context_length < 2:
            raise SpecError(
                f"model.context_length is {self.context_length}; an end takes one token: make it at least 2"
            )
        if self.model_width % self.num_heads:
            raise SpecError(f"model.num_heads ({self.num_heads}) must divide model.model_width ({self.model_width})")
        if self.positions == "sinusoidal" and self.model_width % 2:
            raise SpecError(f"model.model_width is {self.model_width}; waves come in pairs, so it must be even")

    @property
    def width_of_feed_forward(self) -> int:
        """Inner width of the feed-forward part, with 0 resolved."""
        return self.feed_forward_width or 4 * self.model_width


def small(num_layers: int, model_width: int, num_heads: int) -> TransformerSpec:
    return TransformerSpec(
        num_encoder_layers=num_layers, num_decoder_layers=num_layers, model_width=model_width, num_heads=num_heads
    )


def original(model_width: int, num_heads: int) -> TransformerSpec:
    """Return a size of Vaswani et al. 2017, arXiv 1706.03762, table 3."""
    return TransformerSpec(
        num_encoder_layers=6, num_decoder_layers=6, model_width=model_width, num_heads=num_heads,
        context_length=512, norms="post",
    )  # fmt: skip


def shrunk(model: TransformerSpec, keep: float) -> TransformerSpec:
    """Return the settings with that share of the neurons between attention; what both sides share stays as wide."""
    return replace(model, feed_forward_width=max(1, round(model.width_of_feed_forward * keep)))


FAMILY = Family(
    name="transformer",
    title="Transformer",
    summary="Reads one text and writes another: translations, summaries, conversions.",
    spec_type=TransformerSpec,
    presets={
        "tiny": small(2, 96, 4),
        "mini": small(3, 192, 6),
        "small": small(4, 320, 8),
        "base": original(512, 8),
        "big": original(1_024, 16),
    },
    data_kind="pairs",
    task="trainer.models.transformer.task:TransformerTask",
    abilities=frozenset({"translate"}),
    calibration_presets=("tiny", "mini"),
    formats=("folder", "onnx", "torch_export"),
    shrunk=shrunk,
    prunable=frozenset({"feed_forward_width"}),
    taught=lambda model: True,
    defaults={
        "batch": {"sequence_length": 64, "sequences_per_step": 64},
        "optimizer": {"learning_rate": 2e-3, "beta2": 0.98, "weight_decay": 0.01},
        "regularisation": {"dropout": 0.1, "label_smoothing": 0.1},
    },
)
