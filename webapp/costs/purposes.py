"""What a job was for. The ledger asks when it writes an entry; apps above say what they know.

register_purpose(ladder_purpose)    in ladders.apps: returns `ladder` for a job that works on a rung, else nothing
"""

from __future__ import annotations

from collections.abc import Callable

from webapp.jobs.models import Job

Purpose = Callable[[Job], str]

_purposes: list[Purpose] = []


def register_purpose(purpose: Purpose) -> None:
    """Register who knows what some jobs are for; it returns `ladder`, `sweep` or nothing."""
    _purposes.append(purpose)


def purpose_of(job: Job) -> str:
    """Return the first purpose that an app names, empty for work that stands for itself."""
    return next((found for purpose in _purposes if (found := purpose(job))), "")
