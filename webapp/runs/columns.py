"""The columns of the table of runs: how each is called, what it shows of a run, and what it sorts by."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, FloatField
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from trainer.families import families
from webapp.jobs.display import state_word
from webapp.runs.models import Run
from webapp.runs.ranking import Headline, headline, headline_order
from webapp.runs.transfer import FACT, FACT_SCORE, shown
from webapp.runs.unit_words import measure_words, per_second, unit_of_family
from webapp.ui.templatetags.figures import count, exact, figure, usd, when
from webapp.ui.templatetags.figures import seconds as duration

SPEED = "train/tokens_per_second"  # images, examples or pairs where a family counts those
STATS = ("last", "min", "max")
_METRIC = re.compile(r"(last|min|max):(.{1,120})")
_CONFIG = re.compile(r"config:([A-Za-z0-9_.]{1,100})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column: how it is called, what it shows of a run, and what it sorts by."""

    name: str
    title: Any
    show: Callable[[Row], Any]
    plain: Callable[[Row], Any]
    order: Any = None
    is_number: bool = False


@dataclass(slots=True)
class Row:
    """A run with what its line needs."""

    run: Run
    state: str
    usd: float | None

    @property
    def state_name(self) -> str:
        return state_word(self.state)

    def metric(self, stat: str, key: str) -> float | None:
        found = (self.run.summary.get(key) or {}).get(stat)
        return found if isinstance(found, int | float) else None

    def config(self, path: str) -> Any:
        value: Any = self.run.spec
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    @property
    def family_title(self) -> str:
        family = families().get(self.run.family)
        return family.title if family else self.run.family

    @property
    def best(self) -> Headline | None:
        return headline(self.run)

    @property
    def best_in_words(self) -> str:
        return f"{figure(self.best.value, 3)} {measure_words(self.best.metric)}" if self.best else "–"

    @property
    def speed(self) -> float | None:
        return self.metric("last", SPEED)

    @property
    def speed_in_words(self) -> str:
        return "–" if self.speed is None else f"{count(self.speed)} {per_second(unit_of_family(self.run.family))}"

    @property
    def creator(self) -> str:
        return str(self.run.created_by or "")

    @property
    def created(self) -> str:
        return self.run.created_at.isoformat()

    @property
    def seconds(self) -> float | None:
        job = self.run.latest_job
        if job.started_at is None or job.ended_at is None:
            return None
        return (job.ended_at - job.started_at).total_seconds()


def _fixed(
    name: str,
    title: Any,
    show: Callable[[Row], Any],
    plain: Callable[[Row], Any],
    order: Any = None,
    number: bool = False,
) -> tuple[str, Column]:
    return name, Column(name=name, title=title, show=show, plain=plain, order=order, is_number=number)


def _tokens(row: Row) -> int | None:
    return row.run.last_step * row.run.tokens_per_step if row.run.tokens_per_step else None


def _num_parameters(row: Row) -> Any:
    return row.run.facts.get("num_parameters")


FIXED: dict[str, Column] = dict(
    (
        _fixed("state", _("State"), lambda r: r.state_name, lambda r: r.state, F("latest_job__state")),
        _fixed(
            "model",
            _("Model"),
            lambda r: f"{r.family_title} {count(_num_parameters(r))}",
            _num_parameters,
            Cast(KeyTextTransform("num_parameters", "facts"), FloatField()),
        ),
        _fixed(
            "effective_data",
            _("Effective data"),
            lambda r: shown(r.run),
            lambda r: r.run.facts.get(FACT),
            Cast(KeyTextTransform(FACT, "facts"), FloatField()),
            number=True,
        ),
        _fixed(
            "effective_data_score",
            _("Effective data, by score"),
            lambda r: shown(r.run, by_score=True),
            lambda r: r.run.facts.get(FACT_SCORE),
            Cast(KeyTextTransform(FACT_SCORE, "facts"), FloatField()),
            number=True,
        ),
        _fixed(
            "data",
            _("Data"),
            lambda r: str(r.run.dataset_version),
            lambda r: str(r.run.dataset_version),
            F("dataset_version__dataset__name"),
        ),
        _fixed(
            "steps",
            _("Steps"),
            lambda r: f"{exact(r.run.last_step)} / {exact(r.run.num_steps)}",
            lambda r: r.run.last_step,
            F("last_step"),
            number=True,
        ),
        _fixed(
            "best",
            _("Best"),
            lambda r: r.best_in_words,
            lambda r: r.best and r.best.value,
            headline_order(),
            number=True,
        ),
        _fixed(
            "speed",
            _("Speed"),
            lambda r: r.speed_in_words,
            lambda r: r.speed,
            Cast(KeyTextTransform("last", KeyTransform(SPEED, "summary")), FloatField()),
            number=True,
        ),
        _fixed(
            "tokens",
            _("Tokens or examples"),
            lambda r: count(_tokens(r)),
            _tokens,
            F("last_step") * F("tokens_per_step"),
            number=True,
        ),
        _fixed(
            "flop_per_token",
            _("FLOP per token or example"),
            lambda r: count(r.run.flop_per_token),
            lambda r: r.run.flop_per_token,
            F("flop_per_token"),
            number=True,
        ),
        _fixed(
            "time",
            _("Time"),
            lambda r: duration(r.seconds),
            lambda r: r.seconds,
            F("latest_job__ended_at") - F("latest_job__started_at"),
            number=True,
        ),
        _fixed("cost", _("Cost"), lambda r: usd(r.usd), lambda r: r.usd, number=True),
        _fixed(
            "by",
            _("By"),
            lambda r: r.creator or "–",
            lambda r: r.creator,
            F("created_by__name"),
        ),
        _fixed(
            "created",
            _("Created"),
            lambda r: when(r.run.created_at),
            lambda r: r.created,
            F("created_at"),
        ),
        _fixed("notes", _("Notes"), lambda r: r.run.notes[:120], lambda r: r.run.notes, F("notes")),
    )
)


def column_named(name: str) -> Column | None:
    """Return a column: a fixed one, `min:validation/loss` of a metric, or `config:optimizer.learning_rate`."""
    if name in FIXED:
        return FIXED[name]
    if match := _METRIC.fullmatch(name):
        stat, key = match.groups()
        order = Cast(KeyTextTransform(stat, KeyTransform(key, "summary")), FloatField())
        title = f"{key}" if stat == "last" else f"{stat} {key}"
        return Column(
            name=name, title=title, show=lambda r: figure(r.metric(stat, key)), plain=lambda r: r.metric(stat, key),
            order=order, is_number=True,
        )  # fmt: skip
    if match := _CONFIG.fullmatch(name):
        path = match.group(1)
        value: Any = F("spec")
        expression: Any = "spec"
        for part in path.split(".")[:-1]:
            expression = KeyTransform(part, expression)
        value = KeyTransform(path.split(".")[-1], expression)
        return Column(
            name=name, title=path, show=lambda r: _plain(r.config(path)), plain=lambda r: r.config(path), order=value,
            is_number=True,
        )  # fmt: skip
    return None


def _plain(value: Any) -> str:
    return "–" if value is None else str(value)
