"""Counts everything that reading leaves out: reason, number, one example. Nothing is lost silently."""

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

    def broken(self, reason: str, where: str, detail: str = "") -> None:
        """Count a broken line, row or file; raise `InputError` when there are more than the user allows."""
        self.num_broken += 1
        self._count(reason, f"{where}: {detail}" if detail else where)
        if self.num_broken > self.max_broken:
            raise InputError(self._too_many(where, reason, detail))

    def passed_over(self, reason: str, where: str) -> None:
        """Count something that is no text and was not asked for, such as a picture in a zip."""
        self._count(reason, where)

    def as_report(self) -> list[dict[str, Any]]:
        return [
            {"reason": reason, "count": skip.count, "examples": skip.examples}
            for reason, skip in sorted(self.reasons.items(), key=lambda item: -item[1].count)
        ]

    def _count(self, reason: str, example: str) -> None:
        skip = self.reasons.setdefault(reason, SkipReason())
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
