"""Settings and sizes of the BERT family. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from trainer.errors import SpecError
from trainer.families import DataFacts, Family
from trainer.limits import check_above, check_at_least
from trainer.models.sizes import fewer

Objective = Literal["masked", "classify", "multi_label", "tag", "embed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BertSpec:
    """An encoder-only Transformer, in the form of BERT or the modern form (rotary positions, GeGLU, no biases)."""

    objective: Objective = "classify"
    """masked: foretell hidden tokens, from plain text. classify: one label a text. multi_label: any number of labels.
    tag: entities in a text. embed: texts of the same label, or the halves of one text, get vectors close together."""

    form: Literal["original", "modern"] = "original"
    """original: learned positions, LayerNorm behind each part, GELU. modern: rotary positions, norm before, GeGLU."""

    num_layers: int = 2
    """Blocks of attention and feed-forward, one after the other."""

    model_width: int = 128
    """Width of the residual stream."""

    num_heads: int = 2
    """Attention heads; each looks at the text in its own way."""

    head_width: int = 0
    """Width of a head; 0: model width / heads."""

    feed_forward_width: int = 0
    """Inner width of the feed-forward part; 0: 4 x model width (original), 8/3 x rounded up to 64 (modern)."""

    context_length: int = 512
    """Most tokens the model can see at once."""

    num_types: int = 2
    """Rows of the segment table; 0: none. original only."""

    num_unused_positions: int = 0
    """Rows in front of the position table that no token uses (RoBERTa: 2). original only."""

    pooler: bool = True
    """A dense layer with tanh on the first token, as BERT has. original only."""

    pooling: Literal["first", "mean"] = "mean"
    """What stands for a whole text: its first token (through the pooler, if there is one), or the mean of its tokens."""

    norm_eps: float = 1e-12
    """Added to the variance in LayerNorm. BERT 1e-12, RoBERTa 1e-5."""

    rope_theta: float = 10_000.0
    """Base of the rotary positions. modern only."""

    mask_fraction: float = 0.15
    """masked only: share of the tokens that are to be foretold, drawn anew each time a text is seen."""

    class_weights: Literal["none", "balanced", "sqrt"] = "none"
    """classify and multi_label: rare labels count more. balanced: by the inverse of their share; sqrt: by its root."""

    label_separator: str = "|"
    """multi_label only: what stands between the labels of a text in its label column."""

    temperature: float = 0.05
    """embed only: how sharply nearer texts are preferred."""

    def __post_init__(self) -> None:
        for name in ("num_layers", "model_width", "num_heads", "context_length"):
            check_at_least(f"model.{name}", getattr(self, name), 1)
        for name in ("head_width", "feed_forward_width", "num_types", "num_unused_positions"):
            check_at_least(f"model.{name}", getattr(self, name), 0)
        for name in ("norm_eps", "rope_theta", "temperature"):
            check_above(f"model.{name}", getattr(self, name), 0)
        if self.context_length < 3:
            raise SpecError(
                f"model.context_length is {self.context_length}; two tokens frame a text: make it at least 3"
            )
        if not self.head_width and self.model_width % self.num_heads:
            raise SpecError(f"model.num_heads ({self.num_heads}) must divide model.model_width ({self.model_width})")
        if self.form == "modern" and self.width_of_head % 2:
            raise SpecError(f"the head width is {self.width_of_head}; rotary positions turn pairs, so it must be even")
        if not 0 < self.mask_fraction < 1:
            raise SpecError(f"model.mask_fraction is {self.mask_fraction}; it must be a fraction above 0 and below 1")
        if not self.label_separator:
            raise SpecError("model.label_separator is empty; give the sign between the labels of a text, such as |")

    @property
    def num_key_value_heads(self) -> int:
        return self.num_heads  # no head shares its keys and values

    @property
    def width_of_head(self) -> int:
        """Width of a head, with 0 resolved."""
        return self.head_width or self.model_width // self.num_heads

    @property
    def width_of_feed_forward(self) -> int:
        """Inner width of the feed-forward part, with 0 resolved."""
        if self.feed_forward_width:
            return self.feed_forward_width
        if self.form == "original":
            return 4 * self.model_width
        return -(-8 * self.model_width // (3 * 64)) * 64

    @property
    def has_pooler(self) -> bool:
        return self.pooler and self.form == "original"


def original(num_layers: int, model_width: int, num_heads: int) -> BertSpec:
    """Return a size of the original form."""
    return BertSpec(num_layers=num_layers, model_width=model_width, num_heads=num_heads)


def modern(num_layers: int, model_width: int, num_heads: int) -> BertSpec:
    """Return a size of the modern form."""
    return BertSpec(form="modern", num_layers=num_layers, model_width=model_width, num_heads=num_heads, norm_eps=1e-5)


# Turc et al. 2019, arXiv 1908.08962, table 1 (tiny to medium); Devlin et al. 2018, arXiv 1810.04805 (base, large).
ORIGINAL = {
    "tiny": original(2, 128, 2),
    "mini": original(4, 256, 4),
    "small": original(4, 512, 8),
    "medium": original(8, 512, 8),
    "base": original(12, 768, 12),
    "large": original(24, 1_024, 16),
}
MODERN = {
    "modern-tiny": modern(2, 128, 2),
    "modern-mini": modern(4, 256, 4),
    "modern-small": modern(4, 512, 8),
    "modern-medium": modern(8, 512, 8),
    "modern-base": modern(12, 768, 12),
    "modern-large": modern(24, 1_024, 16),
}


def shrunk(model: BertSpec, keep: float) -> BertSpec:
    """Return the settings with that share of the heads and of the inner width."""
    return replace(
        model,
        num_heads=fewer(model.num_heads, keep),
        head_width=model.width_of_head,
        feed_forward_width=fewer(model.width_of_feed_forward, keep, step=8),
    )


def suited(data: DataFacts) -> dict[str, Objective]:
    """Return the objective that the labels of some data are for."""
    if data.has_entities:
        return {"objective": "tag"}
    if not data.label_names:
        return {"objective": "masked"}
    separator = BertSpec().label_separator
    return {"objective": "multi_label" if any(separator in name for name in data.label_names) else "classify"}


def abilities_of_spec(spec: BertSpec) -> frozenset[str]:
    """Return what a model can be asked for: why it gave a label only where it gives one to the whole text."""
    usual = frozenset({"predict", "attention"})
    return usual | {"explain"} if spec.objective in ("classify", "multi_label") else usual


FAMILY = Family(
    name="bert",
    title="BERT",
    summary="Reads a text both ways: tells its labels, marks names in it, or gives it a vector to search by.",
    spec_type=BertSpec,
    presets={**ORIGINAL, **MODERN},
    data_kind="text",
    task="trainer.models.bert.task:BertTask",
    formats=("folder", "onnx", "torch_export"),
    abilities=frozenset({"predict", "attention", "explain"}),
    abilities_of_spec=abilities_of_spec,
    defaults={
        "batch": {"sequence_length": 128},
        "optimizer": {"learning_rate": 5e-4, "weight_decay": 0.01, "beta2": 0.999},
        "regularisation": {"dropout": 0.1},
    },
    essential=("objective",),
    suited=suited,
    shrunk=shrunk,
    prunable=frozenset({"num_heads", "head_width", "feed_forward_width"}),
    taught=lambda model: model.objective in ("masked", "classify", "multi_label"),
    calibration_presets=("tiny", "mini"),
    free_settings=frozenset(
        {"objective", "pooling", "pooler", "mask_fraction", "class_weights", "label_separator", "temperature"}
    ),
)
