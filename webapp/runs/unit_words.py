"""What a family counts and measures, in words: `Family.unit` in the plural, what reaches a second, names of measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from trainer.families import families

KNOWN = (
    gettext_noop("tokens"), gettext_noop("images"), gettext_noop("examples"), gettext_noop("interactions"),
    gettext_noop("pairs"),
)  # fmt: skip
"""For the translators: the plurals are looked up by word, so that a new family's unit needs no line here."""

SHORT_NAMES = {
    "f1": "F1",
    "mcc": "MCC",
    "auroc": "AUROC",
    "ece": "ECE",
    "map": "mAP",
    "map50": "mAP50",
    "map75": "mAP75",
    "map50_95": "mAP50–95",
    "iou": "IoU",
    "mrr": "MRR",
    "ndcg": "NDCG",
    "bleu": "BLEU",
    "chrf": "chrF",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
}
"""How people of the field write measures, by the whole name or by each of its words."""


def unit_of_family(name: str) -> str:
    """Return what a family counts; a family of another release counts tokens."""
    family = families().get(name)
    return family.unit if family else "token"


def in_order(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the measures as lists have them: the loss, accuracy, then by name."""
    return sorted(metrics.items(), key=lambda item: (item[0] != "loss", item[0] != "accuracy", item[0]))


def plural(unit: str) -> str:
    """token -> tokens, in the reader's language."""
    return _(f"{unit}s")


def per_second(unit: str) -> str:
    """token -> tok/s, as charts have it beside their title."""
    return "tok/s" if unit == "token" else f"{plural(unit)}/s"


def measure_words(metric: str) -> str:
    """validation/bits_per_byte -> bits per byte; macro_f1 -> macro F1; map50_95 -> mAP50–95."""
    name = metric.rpartition("/")[2]
    return SHORT_NAMES.get(name) or " ".join(SHORT_NAMES.get(word, word) for word in name.split("_"))
