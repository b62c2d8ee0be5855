"""The table of a project's runs, the comparison of some, and the table as CSV."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from trainer.families import families
from webapp.jobs.display import state_word
from webapp.projects.models import Project
from webapp.runs import table
from webapp.runs.columns import FIXED, STATS, Column, Row, column_named
from webapp.runs.compare import compare
from webapp.runs.metric_queries import _LineWriter as LineWriter
from webapp.runs.models import Run
from webapp.runs.views_actions import UNDO
from webapp.runs.views_data import MAX_OVERLAID_RUNS, RELATED, in_chunks
from webapp.teams.access import team_object
from webapp.teams.models import Role
from webapp.ui.cells import safe_cell

STATES = ("active", "succeeded", "stopped", "failed", "cancelled")


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def run_list(request: HttpRequest, project: Project) -> HttpResponse:
    view = table.View.of(request.GET)
    pages = Paginator(table.ids_of(project, view), table.PAGE_SIZE)
    page = pages.get_page(view.page)
    rows = table.rows_of(page.object_list)
    columns = [found for name in view.columns if (found := column_named(name))]
    context = {
        "project": project, "section": "runs", "view": view, "page": page, "rows": rows, "columns": columns,
        "heads": [_head(view, column) for column in columns], "name_head": _name_head(view),
        "lines": [(row, [(column, column.show(row)) for column in columns]) for row in rows],
        "can_write": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
    }  # fmt: skip
    if request.headers.get("HX-Target") == "run-rows":
        return render(request, "runs/_rows.html", context)
    metrics = table.known_metrics(project)
    context["undo"] = _undo(request, project)
    return render(request, "runs/run_list.html", {**context, **_choices(project, view, rows, metrics)})


def _undo(request: HttpRequest, project: Project) -> list[str]:
    """Return the runs that were deleted just before, so that one click brings them back; told once."""
    found = request.session.get(UNDO)
    if not found or found["project"] != project.code:
        return []
    del request.session[UNDO]
    return list(found["runs"])


def _choices(project: Project, view: table.View, rows: list[Row], metrics: list[str]) -> dict[str, object]:
    """Return what filters and columns there are to choose from."""
    everything = [*FIXED, *(f"{stat}:{key}" for key in metrics for stat in STATS)]
    everything += [f"config:{name}" for name in table.known_config([row.run for row in rows[:10]])]
    optional = [(name, found.title, name in view.columns) for name in everything if (found := column_named(name))]
    chips = [
        (
            state_word(name) if name != "active" else _("going on"),
            name in view.states,
            view.url(state=_toggled(view.states, name)),
        )
        for name in STATES
    ]
    tags = [(tag, tag in view.tags, view.url(tag=_toggled(view.tags, tag))) for tag in table.known_tags(project)]
    used = table.known_families(project)
    kinds = [
        (f.title, f.name == view.family, view.url(family="" if f.name == view.family else f.name))
        for f in families().values()
        if f.name == view.family or (f.name in used and len(used) > 1)
    ]
    shown = [(_("archived"), view.shown == "archived", view.url(shown="" if view.shown == "archived" else "archived")),
             (_("deleted"), view.shown == "deleted", view.url(shown="" if view.shown == "deleted" else "deleted"))]  # fmt: skip
    is_empty = not rows and not view.is_filtered and not view.shown
    return {"optional": optional, "state_chips": chips, "tag_chips": tags, "family_chips": kinds, "shown_chips": shown,
            "metrics": metrics, "is_empty": is_empty}  # fmt: skip


def _toggled(chosen: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in chosen if other != name) if name in chosen else (*chosen, name)


def _head(view: table.View, column: Column) -> dict[str, object]:
    """Return a column's head: its title, the link that sorts by it, and which way it sorts now."""
    sorted_now = view.sort.lstrip("-") == column.name
    descending = view.sort.startswith("-")
    first = "" if column.name.startswith("min:") else "-"
    turn = column.name if sorted_now and descending else f"-{column.name}" if sorted_now else f"{first}{column.name}"
    return {
        "title": column.title, "is_number": column.is_number, "url": view.url(sort=turn) if column.order is not None else "",
        "sort": ("descending" if descending else "ascending") if sorted_now else "",
    }  # fmt: skip


def _name_head(view: table.View) -> dict[str, object]:
    sort = {"name": "ascending", "-name": "descending"}.get(view.sort, "")
    return {"url": view.url(sort="-name" if view.sort == "name" else "name"), "sort": sort}


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def runs_compare(request: HttpRequest, project: Project) -> HttpResponse:
    """`?runs=a,b`: their settings and results side by side, what is alike in all left out."""
    codes = [code for code in request.GET.get("runs", "").split(",") if code][:MAX_OVERLAID_RUNS]
    rows = Run.objects.filter(project=project, code__in=codes, deleted_at=None).select_related(*RELATED)
    runs = sorted(rows, key=lambda run: codes.index(run.code))
    context = {"project": project, "runs": runs, "parts": compare(runs, all_rows=request.GET.get("all") == "1")}
    return render(request, "runs/_compare.html", context)


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def runs_csv(request: HttpRequest, project: Project) -> StreamingHttpResponse:
    """All the runs of the view, not only its page."""
    view = table.View.of(request.GET)
    response = StreamingHttpResponse(in_chunks(_csv(project, view)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="runs-{project.code}.csv"'
    return response


def _csv(project: Project, view: table.View) -> Iterator[str]:
    columns = [found for name in view.columns if (found := column_named(name))]
    line = LineWriter()
    yield line.of(["code", "name", "tags", *(column.name for column in columns)])
    ids = list(table.ids_of(project, view))
    for start in range(0, len(ids), 500):
        for row in table.rows_of(ids[start : start + 500]):
            cells = [column.plain(row) for column in columns]
            words = [row.run.code, row.run.name, " ".join(row.run.tags), *cells]
            yield line.of("" if value is None else safe_cell(value) for value in words)
