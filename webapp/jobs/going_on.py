"""What goes on by itself over many jobs, such as a ladder or a sweep: its app says which step comes next and who waits for one.

A step looks at what is there, so that it may be done at any time, any number of times and by anyone: when a job of it ends,
by the clock, after a restart. An app makes one `GoingOn` and registers it in AppConfig.ready.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import transaction

from webapp.jobs.kinds import register_end_hook
from webapp.jobs.models import Attempt

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class GoingOn:
    """One kind of such work, its rows known by their primary keys."""

    name: str
    """For the log."""

    step: Callable[[int], None]
    """Take in what has ended and begin what comes next; it locks the row meanwhile."""

    of_job: Callable[[int], int | None]
    """The row that a job was made for; None where it was made for another."""

    waiting: Callable[[], Iterable[int]]
    """Rows that are not over: what a crash, a lost hook or a cancelled wait left behind is among them."""

    def on_commit(self, pk: int) -> None:
        transaction.on_commit(lambda: self.quietly(pk))

    def quietly(self, pk: int) -> None:
        try:
            self.step(pk)
        except Exception:  # it must never break what has just ended; the clock tries again
            log.exception("%s %s could not go on", self.name, pk)

    def after(self, attempt: Attempt) -> None:
        """The hook at the end of every attempt: go on once it is committed, if the job was one of these."""
        found = self.of_job(attempt.job_id)
        if found is not None and attempt.job.is_final:
            self.on_commit(found)

    def all(self) -> int:
        """Go on with every one that is not over, and return how many there are."""
        found = set(self.waiting())
        for pk in found:
            self.quietly(pk)
        return len(found)


_registered: list[GoingOn] = []


def register_going_on(work: GoingOn) -> None:
    _registered.append(work)
    register_end_hook(work.after)


def all_go_on() -> int:
    """Go on with all that is not over, of every kind."""
    return sum(work.all() for work in _registered)
