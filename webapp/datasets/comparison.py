"""Two prepared versions side by side: what differs in the recipe, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from webapp.datasets.models import DatasetVersion
from webapp.datasets.pages import DataPages, Text, pages_of
from webapp.datasets.recipe_view import shown_value, step_names
from webapp.datasets.report_view import SPLIT_WORDS, STEP_WORDS
from webapp.ui.templatetags.figures import exact, figure, size


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of both versions."""

    label: Text
    left: str
    right: str
    change: str = ""

    @property
    def differs(self) -> bool:
        return self.left != self.right


@dataclass(frozen=True, slots=True)
class Group:
    title: Text
    lines: list[Line]

    @property
    def differs(self) -> bool:
        return any(line.differs for line in self.lines)


def compare(left: DatasetVersion, right: DatasetVersion) -> list[Group]:
    """Return the figures first, then each step of the recipe, then the files."""
    pages = pages_of(left.dataset.data_kind)
    steps = [
        Group(pages.title_of(step), _recipe_lines(step, left.recipe.get(step, {}), right.recipe.get(step, {}), pages))
        for step in step_names(left.dataset.data_kind)
    ]
    return [Group(_("Result"), _result_lines(left, right)), *steps, Group(_("Files"), _file_lines(left, right))]


def _result_lines(left: DatasetVersion, right: DatasetVersion) -> list[Line]:
    lines = [
        _number_line(_("Documents"), left.num_documents, right.num_documents, exact),
        _number_line(_("Tokens"), left.num_tokens, right.num_tokens, exact),
        _number_line(_("Text"), left.num_bytes, right.num_bytes, size),
        _number_line(_("Bytes per token"), _bytes_per_token(left), _bytes_per_token(right), figure),
        _number_line(_("Vocabulary"), left.vocab_size, right.vocab_size, exact),
        _number_line(_("On disk"), left.size_bytes, right.size_bytes, size),
    ]
    for name, word in SPLIT_WORDS.items():
        a, b = (version.splits.get(name, {}).get("documents") for version in (left, right))
        lines.append(_number_line(_("%(split)s, documents") % {"split": word}, a, b, exact))
    for name, (word, _summary) in STEP_WORDS.items():
        a, b = _dropped(left, name), _dropped(right, name)
        if a or b:
            lines.append(_number_line(_("Dropped by: %(step)s") % {"step": word}, a, b, exact))
    lines.append(Line(_("Content hash"), left.content_hash[:16], right.content_hash[:16]))
    return lines


def _number_line(label: Text, left: Any, right: Any, shown: Callable[[Any], str]) -> Line:
    change = f"{(right - left) / left * 100:+.1f} %" if left and right is not None and left != right else ""
    return Line(label, shown(left), shown(right), change)


def _bytes_per_token(version: DatasetVersion) -> float | None:
    return version.num_bytes / version.num_tokens if version.num_bytes and version.num_tokens else None


def _dropped(version: DatasetVersion, name: str) -> int:
    steps: list[dict[str, Any]] = version.report.get("steps", [])
    step = next((step for step in steps if step["name"] == name), {})
    return (step.get("documents_in") or step.get("documents_out") or 0) - (step.get("documents_out") or 0)


def _recipe_lines(step: str, left: dict[str, Any], right: dict[str, Any], pages: DataPages) -> list[Line]:
    return [
        Line(pages.label_of(step, name), shown_value(left.get(name), pages), shown_value(right.get(name), pages))
        for name in sorted({**left, **right})
    ]


def _file_lines(left: DatasetVersion, right: DatasetVersion) -> list[Line]:
    files = [{row["sha256"]: row["name"] for row in version.report.get("sources", [])} for version in (left, right)]
    return [
        Line(name, *[_("yes") if sha256 in part else _("no") for part in files])
        for sha256, name in {**files[1], **files[0]}.items()
    ]
