"""Guard rails: what is looked for in a text, and what is done where it is found. Knows no socket and no page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from trainer.data.recipe import RedactStep
from trainer.data.redact import redact
from webapp.serving.models import Guard

MASK = "•••"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What one guard found and did."""

    guard: Guard
    direction: str
    action: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A text after its guards."""

    text: str
    """As it may go on; the refusal where it is refused."""

    is_refused: bool = False
    decisions: list[Decision] = field(default_factory=list)


def checked(text: str, guards: Iterable[Guard], *, direction: str) -> Verdict:
    """Return the text as the guards let it through. A refusal ends the matter; masks add up."""
    decisions: list[Decision] = []
    for guard in guards:
        if guard.direction not in (direction, Guard.Direction.BOTH):
            continue
        masked, reason = found_by(guard, text)
        if not reason:
            continue
        decisions.append(Decision(guard=guard, direction=direction, action=guard.action, reason=reason))
        if guard.action == Guard.Action.REFUSE:
            return Verdict(text=guard.refusal or _("I cannot help with that."), is_refused=True, decisions=decisions)
        text = masked
    return Verdict(text=text, decisions=decisions)


def found_by(guard: Guard, text: str) -> tuple[str, str]:
    """Return the text with what the guard looks for masked, and the reason; an empty reason where it found nothing."""
    if guard.kind == Guard.Kind.PERSONAL:
        masked, found = redact(text, RedactStep())
        kinds = [item.kind for item in found]
        counted = ", ".join(f"{kind} ({kinds.count(kind)})" for kind in dict.fromkeys(kinds))
        return masked, _("personal data: %(found)s") % {"found": counted} if found else ""
    pattern = pattern_of(guard.terms)
    hits = list(dict.fromkeys(hit.group().lower() for hit in pattern.finditer(text))) if pattern else []
    if not pattern or len(hits) < max(guard.min_hits, 1):
        return text, ""
    return pattern.sub(MASK, text), _("words: %(found)s") % {"found": ", ".join(hits[:10])}


def pattern_of(terms: str) -> re.Pattern[str] | None:
    """Return what finds the terms, one a line: whole words where letters have spaces between words, * for any ending.

    The words are taken literally; no pattern of a person's own is run, so that none can take forever.
    """
    words = [line.strip() for line in terms.splitlines() if line.strip().strip("*")]
    return re.compile("|".join(map(_one, sorted(words, key=len, reverse=True))), re.IGNORECASE) if words else None


def _one(word: str) -> str:
    stem = re.escape(word.rstrip("*"))
    begin = r"\b" if _is_spaced(word[0]) else ""
    if word.endswith("*"):
        return rf"{begin}{stem}\w*"
    return begin + stem + (r"\b" if _is_spaced(word[-1]) else "")


def _is_spaced(character: str) -> bool:
    """Say whether words of this script have spaces between them; Chinese and Japanese have none."""
    return character.isalnum() and not "\u3040" <= character <= "\u9fff"


def masked_excerpt(text: str, most: int = 300) -> str:
    """Return the beginning of a text for the log, without personal data."""
    return redact(text, RedactStep())[0][:most]


def are_for(guards: Sequence[Guard], direction: str) -> bool:
    """Say whether any of the guards looks at texts that go this way."""
    return any(guard.direction in (direction, Guard.Direction.BOTH) for guard in guards)
