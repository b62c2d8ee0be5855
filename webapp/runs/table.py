"""The table of a project's runs: which, in what order, with which columns. Everything comes from the URL's query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet, Sum
from django.db.models.expressions import OrderBy

from webapp.costs.models import LedgerEntry
from webapp.jobs.display import shown_state
from webapp.jobs.models import ACTIVE_STATES, State
from webapp.projects.models import Project
from webapp.runs.columns import Row, column_named
from webapp.runs.models import MetricSeries, Run

PAGE_SIZE = 50
MAX_COLUMNS = 30
DEFAULT_COLUMNS = (
    "state",
    "model",
    "data",
    "steps",
    "best",
    "min:validation/loss",
    "speed",
    "cost",
    "created",
)


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
