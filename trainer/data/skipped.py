"""Counts everything that reading leaves out or reads in a way of its own: reason, number, examples. Nothing is lost silently."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trainer.errors import InputError

NUM_EXAMPLES = 5


@dataclass(slots=True)
class SkipReason:
    count: int = 0
    examples: list[str] = field(default_factory=list)


class SkipCounter:
    """Two kinds: broken things (limited by the user) and things that were never text (only counted)."""

    def __init__(self, max_broken: int) -> None:
        self.max_broken = max_broken
        self.num_broken = 0
        self.reasons: dict[str, SkipReason] = {}
        self.read_so: dict[str, SkipReason] = {}

    def broken(self, reason: str, where: str, detail: str = "") -> None:
        """Count a broken line, row or file; raise `InputError` when there are more than the user allows."""
        self.num_broken += 1
        self._count(reason, f"{where}: {detail}" if detail else where)
        if self.num_broken > self.max_broken:
            raise InputError(self._too_many(where, reason, detail))

    def passed_over(self, reason: str, where: str) -> None:
        """Count something that is no text and was not asked for, such as a picture in a zip."""
        self._count(reason, where)

    def remark(self, how: str, where: str) -> None:
        """Count something that is taken, but not just as it stands in the file."""
        self._count(how, where, among=self.read_so)

    def remarks(self) -> list[str]:
        """Return a sentence for each way in which something was not taken just as it stands."""
        return [f"{how} ({seen.count:,}): {seen.examples[0]}" for how, seen in self.read_so.items()]

    def as_report(self) -> list[dict[str, Any]]:
        return [
            {"reason": reason, "count": skip.count, "examples": skip.examples}
            for reason, skip in sorted(self.reasons.items(), key=lambda item: -item[1].count)
        ]

    def _count(self, reason: str, example: str, *, among: dict[str, SkipReason] | None = None) -> None:
        skip = (self.reasons if among is None else among).setdefault(reason, SkipReason())
        skip.count += 1
        if len(skip.examples) < NUM_EXAMPLES:
            skip.examples.append(example[:300])

    def _too_many(self, where: str, reason: str, detail: str) -> str:
        last = f"{where}: {reason}{': ' + detail if detail else ''}"
        if self.max_broken == 0:
            return f"{last}. Correct it, or allow some broken lines."
        listed = "; ".join(f"{name} ({skip.count})" for name, skip in self.reasons.items())
        return (
            f"{self.num_broken:,} lines or files are broken, more than the {self.max_broken:,} allowed: {listed}. "
            f"The last was {last}. Correct the file, or allow more broken lines."
        )
