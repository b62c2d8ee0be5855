"""The tasks that ways are weighed for: what each learns from, how its answers are measured, and what the page asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from webapp.ui.templatetags.figures import percent

RIGHT, LABELLED, LABELS, WANTS = _("Right answers"), _("Labelled examples"), _("Labels"), _("Examples a label wants")


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One task, as the form and the table of ways speak of it."""

    title: Any
    data_kind: str = "text"
    measure: str
    """The measure of a run's test that says how good it is."""

    measure_title: Any = RIGHT
    scale: float = 1.0
    """What a run's figure is multiplied with to lie between 0 and 1: BLEU is told out of a hundred."""

    is_share: bool = True
    """It is a share of answers; a score between 0 and 1 otherwise."""

    is_foretold: bool = True
    """Its quality can be foretold before anything was trained."""

    objectives: tuple[str, ...] = ()
    """What a family with several purposes must have been trained for; empty: any."""

    examples: Any = LABELLED
    per: Any = LABELS
    """What examples are counted for each of; empty: all together."""

    half_title: Any = WANTS
    writes: bool = False
    """An answer is written token by token."""

    usual: Mapping[str, float] = field(default_factory=dict)
    """What the form begins with where it differs from the others: `quality` in %, `num_examples`, `num_labels`, tokens."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts of data as they might be, for whoever has none yet."""

    def shown(self, value: float) -> str:
        """Return a quality as people tell it: a share in per cent, a score out of a hundred."""
        return percent(value, 0) if self.is_share else f"{100 * value:.1f}"

    @property
    def wanted_title(self) -> str:
        """How the form asks for a quality."""
        if self.is_share:
            return str(_("Right answers wanted, %"))
        return str(_("%(measure)s wanted, out of 100")) % {"measure": self.measure_title}


TASKS: dict[str, Task] = {
    "classify": Task(
        title=_("Tell texts apart by labels"), measure="accuracy", objectives=("classify", "multi_label"),
    ),
    "entities": Task(title=_("Mark names in texts"), measure="micro_f1", objectives=("tag",)),
    "embed": Task(title=_("Find texts that are alike"), measure="recall_at_1", objectives=("embed",)),
    "translate": Task(
        title=_("Make one text of another: translate, summarise"), data_kind="pairs", measure="bleu",
        measure_title="BLEU", scale=0.01, is_share=False, examples=_("Pairs of texts"), per="",
        half_title=_("Pairs it wants"), writes=True,
        usual={"quality": 25, "num_examples": 50_000, "num_labels": 2, "tokens_in": 40, "tokens_out": 40},
    ),
    "generate": Task(
        title=_("Write text"), measure="bits_per_byte", is_share=False, is_foretold=False, per="", writes=True,
        examples=_("Documents"),
    ),
    "images": Task(
        title=_("Tell pictures apart"), data_kind="images", measure="accuracy",
        facts={"side": 64, "num_channels": 3},
    ),
    "detect": Task(
        title=_("Find things in pictures"), data_kind="boxes", measure="map50_95", measure_title="mAP",
        is_share=False, examples=_("Pictures with boxes"), per=_("Kinds of things"),
        half_title=_("Pictures a kind wants"), facts={"side": 320, "num_channels": 3},
        usual={"quality": 40, "num_examples": 2_000, "num_labels": 5, "tokens_in": 1_000, "tokens_out": 60},
    ),
    "recommend": Task(
        title=_("Recommend items to people"), data_kind="interactions", measure="ndcg_at_10", measure_title="NDCG@10",
        is_share=False, examples=_("Interactions: who took what"), per=_("Items in the catalogue"),
        half_title=_("Interactions an item wants"),
        usual={"quality": 10, "num_examples": 200_000, "num_labels": 2_000, "tokens_in": 900, "tokens_out": 80},
    ),
}  # fmt: skip
