"""How much a measure changed from one model to another on the same examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    metric: str
    before: float
    after: float
    low: float | None = None
    """Lower end of the 95 % interval of the difference, paired; None where it is not known."""

    high: float | None = None

    @property
    def difference(self) -> float:
        return self.after - self.before

    def row(self) -> dict[str, Any]:
        """Return it as a report has it."""
        return {
            "metric": self.metric,
            "before": self.before,
            "after": self.after,
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return it as `row` wrote it."""
        return cls(metric=row["metric"], before=row["before"], after=row["after"], low=row["low"], high=row["high"])
