"""Every form that starts a job shows what it will take: a new one without a quote fails here.

Which routes start jobs is read off the source: those whose views come, however far down, to what puts a job into the queue.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.urls import URLPattern, get_resolver

ROOT = Path(__file__).parents[3]
STARTS = "webapp.jobs.services.job_create"

SHOWS = ("quotes/_ask.html", "quotes/_intervals.html", "runs/_estimate.html", "run-estimate", "sweep-propose",
         "ladder-propose", 'panels "prepare-form"', "seconds_left|span_seconds")  # fmt: skip
"""What of a template is a quote, or asks for one."""

OWN_ADDRESS = {
    "run-create": "runs/run_form.html",
    "version-new": "datasets/version_new.html",
    "sweep-create": "sweeps/form.html",
    "ladder-create": "ladders/wizard.html",
    "plan-train": "planning/train.html",
    "run-ablate": "registry/ablate.html",
}
"""Routes whose form sends to the address of its page: the page's template."""

TOLD_IN_THE_PAGE = {"ladders/_live.html"}
"""Its rungs' quotes stand in a table, row by row, and their sum beside it."""

STARTS_NOTHING = ("stop", "target")
"""Of forms that share a route with others: values of `action` that make no job."""

Graph = dict[str, set[str]]


@cache
def graph() -> Graph:
    """Return what each function, class and module-level object of the web app names of others, by full name."""
    found: Graph = {}
    for path in (ROOT / "webapp").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        tree = ast.parse(path.read_text())
        imported = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                found[f"{module}.{node.name}"] = set(_named(node, module, imported))
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[f"{module}.{node.targets[0].id}"] = set(_named(node.value, module, imported))
    found["webapp.jobs.services.job_retry"].add(STARTS)  # through the kind's own `retry`
    return found


def _named(node: ast.AST, module: str, imported: dict[str, str]) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield imported.get(each.id, f"{module}.{each.id}")
        elif isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            yield f"{imported.get(each.value.id, '')}.{each.attr}"


@cache
def starting() -> set[str]:
    """Return the full names from which a job is put into the queue."""
    known = {STARTS}
    while more := {name for name, named in graph().items() if name not in known and named & known}:
        known |= more
    return known


@cache
def routes() -> tuple[str, ...]:
    """Return the names of the routes whose views start jobs."""
    patterns: list[URLPattern] = []
    for each in get_resolver().url_patterns:
        patterns += [each] if isinstance(each, URLPattern) else each.url_patterns
    views = {each.name: inspect.unwrap(each.callback) for each in patterns if isinstance(each, URLPattern)}
    return tuple(
        sorted(name for name, view in views.items() if name and f"{view.__module__}.{view.__name__}" in starting())
    )


def forms_of(route: str) -> Iterator[tuple[str, str]]:
    """Yield template and text of each form that sends to a route."""
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.S):
            if re.search(rf"\saction=\"{{% url '{route}' ", form):
                yield str(path.relative_to(ROOT / "templates")), form


def shows(text: str) -> bool:
    return any(marker in text for marker in SHOWS)


def starts_nothing(form: str) -> bool:
    actions = re.findall(r'name="action" value="([^"]*)"', form)
    return bool(actions) and all(action in STARTS_NOTHING for action in actions)


def test_the_routes_are_found() -> None:
    """A walk that finds too little would pass everything."""
    known = {"run-create", "run-resume", "run-profile", "job-retry", "ladder-act", "ladder-create", "sweep-create"}
    assert known | {"sweep-act", "model-evaluate", "calibration-start", "choices-learn"} <= set(routes())
    assert not {"run-list", "job-stop", "price-import", "plan-save"} & set(routes())


@pytest.mark.parametrize("route", routes())
def test_its_forms_show_a_quote(route: str) -> None:
    if route in OWN_ADDRESS:
        assert shows((ROOT / "templates" / OWN_ADDRESS[route]).read_text())
        return
    forms = list(forms_of(route))
    assert forms, f"no form sends to {route}: name its template in OWN_ADDRESS"
    for template, form in forms:
        told = template in TOLD_IN_THE_PAGE and shows((ROOT / "templates" / template).read_text())
        assert told or shows(form) or starts_nothing(form), f"{template}: the form of {route} shows no quote"
