"""A trial as its page shows it: grouped by what happened, with the changed parts marked."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.translation import gettext as _

from trainer.data.trial import TrialDocument, TrialResult
from webapp.datasets.report_view import PERSONAL_WORDS, STEP_WORDS

register = template.Library()
SHOWN_PER_GROUP = 8
MARKED_CHARACTERS = 1_500
"""Comparing two texts takes time with the square of their length; beyond this they are shown without marks."""


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class ShownDocument:
    source: str
    row: int
    steps: list[str]
    before: str
    after: str
    parts: list[Part]
    twin: str


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    num: int
    documents: list[ShownDocument]


@register.filter
def shown_documents(trial: TrialResult) -> list[Group]:
    """Return the documents in groups, those worth looking at first."""
    dropped = {name: [d for d in trial.documents if d.dropped_by == name] for name in ("filter", "near", "exact")}
    kept = [d for d in trial.documents if not d.dropped_by]
    changed = [d for d in kept if d.steps]
    groups = [
        (_("Dropped by the filter"), dropped["filter"]),
        (_("Nearly the same as an earlier document"), dropped["near"]),
        (_("The same as an earlier document"), dropped["exact"]),
        (_("Changed"), changed),
        (_("Unchanged"), [d for d in kept if not d.steps]),
    ]
    return [
        Group(title, len(found), [_shown(document, trial) for document in found[:SHOWN_PER_GROUP]])
        for title, found in groups
        if found
    ]


@register.filter
def kept_share(trial: TrialResult) -> float | None:
    return trial.num_kept / trial.num_documents if trial.num_documents else None


@register.filter
def step_word(name: str) -> Any:
    return STEP_WORDS[name][0] if name in STEP_WORDS else name


@register.filter
def personal_word(kind: str) -> Any:
    return PERSONAL_WORDS.get(kind.lower(), kind)


def _shown(document: TrialDocument, trial: TrialResult) -> ShownDocument:
    is_twin = document.dropped_by in ("exact", "near") and document.duplicate_of >= 0
    return ShownDocument(
        source=document.source,
        row=document.row,
        steps=document.steps,
        before=document.before,
        after=document.after,
        parts=_parts(document.before, document.after),
        twin=trial.documents[document.duplicate_of].before if is_twin else "",
    )


def _parts(before: str, after: str) -> list[Part]:
    """Return the text after, cut where it differs from the text before."""
    if before == after or max(len(before), len(after)) > MARKED_CHARACTERS:
        return [Part(after, False)]
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return [Part(after[j1:j2], tag != "equal") for tag, _i1, _i2, j1, j2 in matcher.get_opcodes() if j2 > j1]
