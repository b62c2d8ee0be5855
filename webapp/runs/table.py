"""The table of a project's runs: which, in what order, with which columns. Everything comes from the URL's query."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, FloatField, Q, QuerySet, Sum
from django.db.models.expressions import OrderBy
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from trainer.families import families
from webapp.costs.models import LedgerEntry
from webapp.jobs.display import shown_state, state_word
from webapp.jobs.models import ACTIVE_STATES, State
from webapp.projects.models import Project
from webapp.runs.models import MetricSeries, Run
from webapp.runs.transfer import FACT, shown
from webapp.ui.templatetags.figures import count, exact, figure, usd, when
from webapp.ui.templatetags.figures import seconds as duration

PAGE_SIZE = 50
MAX_COLUMNS = 30
DEFAULT_COLUMNS = (
    "state",
    "model",
    "data",
    "steps",
    "min:validation/loss",
    "last:train/loss",
    "last:train/tokens_per_second",
    "cost",
    "created",
)
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
            lambda r: shown(r.run.facts),
            lambda r: r.run.facts.get(FACT),
            Cast(KeyTextTransform(FACT, "facts"), FloatField()),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What the URL asks for."""

    columns: tuple[str, ...]
    sort: str
    search: str
    states: tuple[str, ...]
    family: str
    tags: tuple[str, ...]
    shown: str
    """`` for the live ones, `archived`, `deleted`."""

    page: int

    @classmethod
    def of(cls, query: Any) -> View:
        columns = tuple(name for name in query.getlist("c") if column_named(name))[:MAX_COLUMNS]
        sort = query.get("sort", "-created")
        if sort.lstrip("-") != "name" and ((found := column_named(sort.lstrip("-"))) is None or found.order is None):
            sort = "-created"
        return cls(
            columns=columns or DEFAULT_COLUMNS,
            sort=sort,
            search=query.get("q", "").strip()[:200],
            states=tuple(s for s in query.getlist("state") if s in (*State.values, "active")),
            family=query.get("family", ""),
            tags=tuple(tag for tag in query.getlist("tag") if tag)[:10],
            shown=query.get("shown", "") if query.get("shown") in ("archived", "deleted") else "",
            page=_page(query.get("page", "1")),
        )

    def url(self, **changes: Any) -> str:
        """Return the query of the same view with some of it changed: what links point at."""
        values: dict[str, Any] = {
            "q": self.search, "sort": self.sort if self.sort != "-created" else "", "state": self.states,
            "family": self.family, "tag": self.tags, "shown": self.shown, "page": "",
            "c": self.columns if self.columns != DEFAULT_COLUMNS else (),
        }  # fmt: skip
        values |= changes
        pairs = [
            (k, v) for k, value in values.items() for v in ([value] if isinstance(value, str | int) else value) if v
        ]
        return f"?{urlencode(pairs)}"

    @property
    def is_filtered(self) -> bool:
        return bool(self.search or self.states or self.family or self.tags)


def _page(text: str) -> int:
    return max(1, int(text)) if text.isdigit() and len(text) < 7 else 1


def runs_of(project: Project, view: View) -> QuerySet[Run]:
    """Return the runs that the view asks for, in its order."""
    rows = Run.objects.filter(project=project)
    if view.shown == "deleted":
        rows = rows.filter(deleted_at__isnull=False)
    else:
        rows = rows.filter(deleted_at=None, archived_at__isnull=view.shown != "archived")
    if view.search:
        rows = rows.filter(_search(view.search))
    if view.states:
        wanted = set(view.states) - {"active"} | (set(ACTIVE_STATES) if "active" in view.states else set())
        rows = rows.filter(latest_job__state__in=wanted)
    if view.family:
        rows = rows.filter(family=view.family)
    if view.tags:
        rows = rows.filter(tags__contains=list(view.tags))
    return rows.order_by(*_order(view.sort))


def _search(text: str) -> Q:
    """Match a regular expression where it is one, plain text otherwise; in names, notes and tags."""
    lookup = "iregex" if any(sign in text for sign in "^$|*[(") and _is_regex(text) else "icontains"
    return Q(**{f"name__{lookup}": text}) | Q(**{f"notes__{lookup}": text}) | Q(tags__contains=[text]) | Q(code=text)


def _is_regex(text: str) -> bool:
    """Say whether the text is a regular expression that both Python and PostgreSQL read."""
    try:
        re.compile(text)
    except re.error:
        return False
    return "(?" not in text and "\\" not in text


ALWAYS_THERE = {"created": "created_at", "name": "name"}


def _order(sort: str) -> list[Any]:
    name = sort.lstrip("-")
    if name in ALWAYS_THERE:  # plain, so that the index serves
        return [sort.replace(name, ALWAYS_THERE[name]), "-id"]
    column = column_named(name)
    assert column is not None, "the view was made from the query, which was checked"
    return [OrderBy(column.order, descending=sort.startswith("-"), nulls_last=True), "-id"]


def ids_of(project: Project, view: View) -> QuerySet[Run, int]:
    """Return the ids of the runs that the view asks for, in its order: sorting them does not touch the wide rows."""
    return runs_of(project, view).values_list("pk", flat=True)


def rows_of(ids: Iterable[int]) -> list[Row]:
    """Return the lines of some runs, with what they cost, in two queries however many there are."""
    wanted = list(ids)
    by_id = with_related(Run.objects.all()).in_bulk(wanted)
    found = [by_id[pk] for pk in wanted if pk in by_id]
    costs = LedgerEntry.objects.filter(job__train_job__run__in=found).values("job__train_job__run")
    usd_of = {row["job__train_job__run"]: float(row["usd"]) for row in costs.annotate(usd=Sum("effective_usd"))}
    return [Row(run=run, state=shown_state(run.latest_job), usd=usd_of.get(run.pk)) for run in found]


def with_related(rows: QuerySet[Run]) -> QuerySet[Run]:
    return rows.select_related(
        "latest_job", "latest_job__lease", "dataset_version__dataset", "created_by"
    ).defer("dataset_version__report", "dataset_version__recipe", "latest_job__spec", "resolved_reasons")  # fmt: skip


def known_metrics(project: Project) -> list[str]:
    """Return the metrics that columns may show: those of the project's latest runs."""
    latest = Run.objects.filter(project=project, deleted_at=None).order_by("-created_at").values("pk")[:50]
    keys = MetricSeries.objects.filter(run__in=list(latest.values_list("pk", flat=True))).exclude(
        key__startswith="axis/"
    )
    return sorted(set(keys.values_list("key", flat=True)))


def known_config(runs: Sequence[Run]) -> list[str]:
    """Return the settings that columns may show: those of the runs on the page."""
    from webapp.runs.detail import flat

    return sorted({name for run in runs for name, _value in flat(run.spec)} - {"kind", "version"})


def known_tags(project: Project) -> list[str]:
    """Return the tags in use."""
    used = Run.objects.filter(project=project, deleted_at=None).exclude(tags=[]).values_list("tags", flat=True)
    return sorted({tag for tags in used[:2000] for tag in tags})[:100]


def known_families(project: Project) -> set[str]:
    """Return the names of the families in use."""
    return set(
        Run.objects.filter(project=project, deleted_at=None).order_by().values_list("family", flat=True).distinct()
    )
