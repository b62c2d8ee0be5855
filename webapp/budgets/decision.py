"""What the person who submits a job has decided about its budgets. Forms send it along; nothing said is nothing decided.

with decided(by=user, confirmed=True): job_create(...)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from webapp.budgets.errors import BudgetAnswer
from webapp.teams.models import User


@dataclass(slots=True)
class Decision:
    """Decided before, and what a budget answered since."""

    by: User | None = None
    confirmed: bool = False
    override_reason: str = ""
    answers: list[BudgetAnswer] = field(default_factory=list)
    stand_ins: dict[str, str] = field(default_factory=dict)
    """Fields that stand for files which the view kept, since a page cannot send those again."""


_decision: ContextVar[Decision | None] = ContextVar("budget_decision", default=None)


def decision() -> Decision:
    """Return what holds for the job that is about to be made."""
    return _decision.get() or Decision()


@contextmanager
def decided(*, by: User | None, confirmed: bool = False, override_reason: str = "") -> Iterator[Decision]:
    """Let what is decided hold for the jobs made inside."""
    found = Decision(by=by, confirmed=confirmed, override_reason=override_reason.strip())
    token = _decision.set(found)
    try:
        yield found
    finally:
        _decision.reset(token)
