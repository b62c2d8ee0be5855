"""Guard rails: what is looked for in a text on its way into a model or out of it, and what is done where it is found.

    [{"name": "Loans", "kind": "words", "terms": "loan*", "refusal": "Please ask a person."},
     {"name": "Privacy", "kind": "personal", "direction": "output", "action": "mask"}]

is such a list as a file, for `generate --guards` and `predict --guards`; the web app keeps its own and hands them over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from trainer.data.recipe import RedactStep
from trainer.data.redact import narrowed, redact
from trainer.errors import InputError, SpecError
from trainer.limits import check_at_least

MASK = "•••"
REFUSAL = "I cannot help with that."
MAX_EXCERPT = 300

Direction = Literal["input", "output"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardRule:
    """One check."""

    name: str
    """What people call it; stands in the log."""

    kind: Literal["words", "personal"] = "words"
    """words: words and phrases of your own, a topic by several of them. personal: addresses, numbers of people and accounts."""

    direction: Literal["input", "output", "both"] = "both"
    """input: what people ask. output: what the model answers."""

    action: Literal["refuse", "mask"] = "refuse"
    """refuse: the refusal is the answer. mask: what was found is covered, and the rest goes on."""

    terms: str = ""
    """Words and phrases, one a line, taken as whole words in any case; a * at the end stands for any ending."""

    min_hits: int = 1
    """A topic is met when so many of its words occur."""

    refusal: str = ""
    """Answer given instead. Empty: "I cannot help with that."."""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise SpecError("guard.name is empty; give each check a name, so that the log can say which one decided")
        if self.kind == "words" and pattern_of(self.terms) is None:
            raise SpecError(
                f"guard.terms of {self.name!r} is empty; write the words or phrases to look for, one a line"
            )
        check_at_least(f"guard.min_hits of {self.name!r}", self.min_hits, 1)

    def looks_at(self, direction: str) -> bool:
        return self.direction in (direction, "both")


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What one check found and did."""

    guard: str
    direction: str
    action: str
    reason: str
    excerpt: str
    """Beginning of the text, without personal data."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A text after its checks."""

    text: str
    """As it may go on; the refusal where it is refused."""

    is_refused: bool = False
    decisions: list[Decision] = field(default_factory=list)


def checked(text: str, rules: Iterable[GuardRule], *, direction: Direction) -> Verdict:
    """Return the text as the checks let it through. A refusal ends the matter; masks add up."""
    decisions: list[Decision] = []
    for rule in rules:
        if not rule.looks_at(direction):
            continue
        masked, reason = found_by(rule, text)
        if not reason:
            continue
        decisions.append(
            Decision(
                guard=rule.name, direction=direction, action=rule.action, reason=reason, excerpt=masked_excerpt(text)
            )
        )
        if rule.action == "refuse":
            return Verdict(text=rule.refusal or REFUSAL, is_refused=True, decisions=decisions)
        text = masked
    return Verdict(text=text, decisions=decisions)


def found_by(rule: GuardRule, text: str) -> tuple[str, str]:
    """Return the text with what the check looks for masked, and the reason; an empty reason where it found nothing."""
    if rule.kind == "personal":
        masked, found = redact(text, RedactStep())
        kinds = [item.kind for item in found]
        counted = ", ".join(f"{kind} ({kinds.count(kind)})" for kind in dict.fromkeys(kinds))
        return masked, f"personal data: {counted}" if found else ""
    pattern = pattern_of(rule.terms)
    matches = list(pattern.finditer(narrowed(text))) if pattern else []
    hits = list(dict.fromkeys(match.group().lower() for match in matches))
    if len(hits) < rule.min_hits:
        return text, ""
    ends = [0, *(match.end() for match in matches)]
    between = [text[end : match.start()] for end, match in zip(ends, matches, strict=False)]
    return MASK.join([*between, text[ends[-1] :]]), f"words: {', '.join(hits[:10])}"


def pattern_of(terms: str) -> re.Pattern[str] | None:
    """Return what finds the terms, one a line: whole words where letters have spaces between words, * for any ending.

    The words are taken literally; no pattern of a person's own is run, so that none can take forever.
    """
    words = [line.strip() for line in narrowed(terms).splitlines() if line.strip().strip("*")]
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


def masked_excerpt(text: str) -> str:
    """Return the beginning of a text for the log, without personal data."""
    return redact(text, RedactStep())[0][:MAX_EXCERPT]


def look_at(rules: Sequence[GuardRule], direction: Direction) -> bool:
    """Say whether any of the checks looks at texts that go this way."""
    return any(rule.looks_at(direction) for rule in rules)


def read_rules(path: Path) -> list[GuardRule]:
    """Read a file of checks; raise `InputError` that says what is wrong with it."""
    try:
        return msgspec.convert(strict_list(path), list[GuardRule])
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; --guards needs a JSON file with a list of checks") from None
    except (msgspec.DecodeError, SpecError) as error:  # a ValidationError is a DecodeError
        raise InputError(f"{path} cannot be read as a list of checks: {error}") from error


def strict_list(path: Path) -> Any:
    """Return the decoded file; a misspelt field, which would be ignored silently, is refused."""
    found = msgspec.json.decode(path.read_bytes())
    known = GuardRule.__dataclass_fields__
    for number, each in enumerate(found if isinstance(found, list) else [], start=1):
        if isinstance(each, dict) and (unknown := sorted(set(each) - set(known))):
            raise SpecError(f"check {number} has no field {', '.join(unknown)}; its fields are {', '.join(known)}")
    return found
