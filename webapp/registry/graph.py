"""The lineage of a version as a drawing: boxes in columns from left (data) to right (what was measured), and lines."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from webapp.datasets.models import DatasetVersion
from webapp.registry.lineage import parents_of
from webapp.registry.models import ModelVersion
from webapp.runs.unit_words import measure_words
from webapp.ui.templatetags.figures import count, exact, figure

BOX_WIDTH, BOX_HEIGHT, COLUMN, LINE, MARGIN = 190, 62, 240, 82, 8
MAX_RESULTS = 6
TITLE_CHARACTERS, TEXT_CHARACTERS = 22, 28


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A box with its place."""

    kind: str
    word: str
    title: str
    text: str
    url: str
    x: int
    y: int

    @property
    def right(self) -> int:
        return self.x + BOX_WIDTH

    @property
    def middle(self) -> int:
        return self.y + BOX_HEIGHT // 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    nodes: list[Node]
    paths: list[str]
    width: int
    height: int
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT


def _size_of(version: DatasetVersion) -> str:
    return f"{count(version.num_tokens)} {_('tokens')}" if version.num_tokens else exact(version.num_documents)


def lineage_drawing(version: ModelVersion, results: list[dict[str, Any]]) -> Drawing:
    """Return the drawing. `results` are rows of title, text and url, as the evaluations tab has them."""
    run = version.run
    runs = [*reversed(parents_of(run)), run]
    data = list({each.dataset_version_id: each.dataset_version for each in runs}.values())
    columns: list[list[dict[str, str]]] = [
        [
            _box("data", _("dataset"), str(each.dataset), _("uploaded files"), each.dataset.get_absolute_url())
            for each in {d.dataset_id: d for d in data}.values()
        ],
        [
            _box("version", _("data version"), str(each), _size_of(each),
                 each.get_absolute_url())
            for each in data
        ],
    ]  # fmt: skip
    for each in runs:
        text = f"{_('step')} {exact(each.last_step)}, {_('seed')} {each.spec.get('seed', '–')}"
        columns.append([_box("run", _("run"), each.name, text, each.get_absolute_url())])
    columns.append(
        [
            _box("model", _("model version"), str(version), f"{_('step')} {exact(version.checkpoint.step)}",
                 version.get_absolute_url())
        ]
    )  # fmt: skip
    if results:
        columns.append([_box("result", _("measured"), **row) for row in results[:MAX_RESULTS]])
    return _laid_out(columns, data_of_run=[data.index(each.dataset_version) for each in runs])


def _box(kind: str, word: str, title: str, text: str, url: str) -> dict[str, str]:
    return {
        "kind": kind,
        "word": str(word),
        "title": _short(title, TITLE_CHARACTERS),
        "text": _short(text, TEXT_CHARACTERS),
        "url": url,
    }


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _laid_out(columns: list[list[dict[str, str]]], *, data_of_run: list[int]) -> Drawing:
    tallest = max(len(column) for column in columns)
    height = tallest * LINE - (LINE - BOX_HEIGHT) + 2 * MARGIN
    placed = []
    for number, column in enumerate(columns):
        top = (height - (len(column) * LINE - (LINE - BOX_HEIGHT))) // 2
        placed.append([Node(**box, x=MARGIN + number * COLUMN, y=top + row * LINE) for row, box in enumerate(column)])
    paths = _paths(placed, data_of_run)
    width = 2 * MARGIN + (len(columns) - 1) * COLUMN + BOX_WIDTH
    return Drawing(nodes=[node for column in placed for node in column], paths=paths, width=width, height=height)


def _paths(placed: list[list[Node]], data_of_run: list[int]) -> list[str]:
    """Return the lines: dataset to version, version to each run that read it, run to run, run to model, model to results."""
    datasets, versions, runs = placed[0], placed[1], placed[2 : 2 + len(data_of_run)]
    lines = [_path(datasets[min(i, len(datasets) - 1)], node) for i, node in enumerate(versions)]
    lines += [_path(versions[data], column[0]) for data, column in zip(data_of_run, runs, strict=True)]
    lines += [_path(a[0], b[0]) for a, b in pairwise(runs)]
    model = placed[2 + len(runs)][0]
    lines.append(_path(runs[-1][0], model))
    if len(placed) > 3 + len(runs):
        lines += [_path(model, node) for node in placed[-1]]
    return lines


def _path(start: Node, end: Node) -> str:
    bend = (start.right + end.x) // 2
    return f"M{start.right},{start.middle} C{bend},{start.middle} {bend},{end.middle} {end.x},{end.middle}"


def result_boxes(version: ModelVersion) -> list[dict[str, str]]:
    """Return a box for each result, the newest first."""
    from webapp.registry.queries import main_metric

    rows = []
    for result in version.results.select_related("dataset_version__dataset", "suite"):
        metric = main_metric(version, result)
        rows.append(
            {
                "title": f"{result.suite or result.dataset_version}",
                "text": f"{result.split} {measure_words(metric)} {figure(result.metrics.get(metric))}",
                "url": f"{version.get_absolute_url()}?tab=evaluations",
            }
        )
    return rows
