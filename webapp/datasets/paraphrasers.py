"""Models that can say texts in other words while data is prepared; `datasets` knows no run: their app registers them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from webapp.projects.models import Project

Choice = tuple[str, str]
"""Folder of the checkpoint, and what people call it."""

_sources: list[Callable[[Project], Iterable[Choice]]] = []


def register_paraphrasers(source: Callable[[Project], Iterable[Choice]]) -> None:
    _sources.append(source)


def paraphrasers(project: Project) -> list[Choice]:
    """Return the models of a project that make one text of another. Only these are ever written into a recipe."""
    return [choice for source in _sources for choice in source(project)]
