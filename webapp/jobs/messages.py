"""What clients get of a job, as JSON: its events after a sequence number, and how it stands. One shape for socket and HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from webapp.jobs.display import shown_state
from webapp.jobs.models import FINAL_STATES, Job, JobEvent

MAX_EVENTS = 1_000
"""In one answer; a client that is further behind asks again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """The events of a job behind `after`, in order, and the job as it stood when they were read."""

    job: dict[str, Any]
    events: list[dict[str, Any]]
    last_seq: int
    """Of the last event here; what the client asks after next."""

    is_complete: bool
    """Whether there was nothing more."""

    def encode(self) -> str:
        """Return the message as JSON text."""
        body = {"type": "news", "job": self.job, "events": self.events, "last_seq": self.last_seq}
        return msgspec.json.encode(body).decode()

    def after(self, seq: int) -> News:
        """Return what of it is new to a client that has seen `seq`."""
        if not self.events or self.events[0]["seq"] > seq:
            return self
        events = [event for event in self.events if event["seq"] > seq]
        return News(job=self.job, events=events, last_seq=self.last_seq, is_complete=self.is_complete)


def job_news(job_id: int, *, after: int, limit: int = MAX_EVENTS) -> News:
    """Read what is new about a job."""
    job = Job.objects.select_related("lease", "lease__worker").get(pk=job_id)  # before the events: never ahead of them
    rows = list(JobEvent.objects.filter(job_id=job_id, seq__gt=after).order_by("seq")[:limit])
    return News(
        job=job_message(job),
        events=[event_message(row) for row in rows],
        last_seq=rows[-1].seq if rows else after,
        is_complete=len(rows) < limit,
    )


def event_message(event: JobEvent) -> dict[str, Any]:
    """Return an event as clients get it."""
    return {
        "seq": event.seq,
        "fence": event.fence,
        "line": event.line,
        "at": event.at.isoformat(),
        "type": event.type,
        "payload": event.payload,
    }


def job_message(job: Job) -> dict[str, Any]:
    """Return how a job stands as clients get it."""
    return {
        "code": job.code,
        "state": job.state,
        "shown_state": shown_state(job),
        "is_final": job.state in FINAL_STATES,
        "stop_request": job.stop_request,
        "reason_code": job.reason_code,
        "reason": job.reason,
        "fence": job.fence,
        "last_seq": job.last_seq,
        "progress": {
            "done": job.progress_done,
            "total": job.progress_total,
            "unit": job.progress_unit,
            "phase": job.progress_phase,
            "seconds_left": job.progress_seconds_left,
            "fraction": job.progress_fraction,
        },
        "started_at": _iso(job.started_at),
        "ended_at": _iso(job.ended_at),
    }


def _iso(at: Any) -> str | None:
    return at.isoformat() if at else None
