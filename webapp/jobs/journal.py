"""From an attempt's journal on disk into PostgreSQL: in order, without gaps, each line once.

The file is the spool: what could not be stored is read again from the same place. Lines are counted in the attempt's
row in the transaction that stores them, so that reading a journal twice adds nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from django.db import transaction

from trainer.events import AnyEvent, Message, Progress, decode_event
from webapp.jobs.claim import Claim
from webapp.jobs.clock import ClockTimestamp
from webapp.jobs.doorbell import ring_job_on_commit
from webapp.jobs.kinds import JobKind, kind_of
from webapp.jobs.models import Attempt, Job, JobEvent, Lease
from webapp.jobs.moves import attempt_held
from webapp.jobs.steady import LOST

log = logging.getLogger(__name__)
READ_BYTES = 1 << 20
"""Read at once; a longer line is read in several goes."""


class JournalTail:
    """Follows a journal. `read` returns the new whole lines as events; `advance` says that they are stored."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0  # of what is stored
        self._num_lines = 0
        self._read_bytes = 0
        self._read_lines = 0

    def read(self) -> list[AnyEvent]:
        """Return the whole lines behind what is stored. A torn last line is left for later."""
        block = self._read_block()
        whole = block[: block.rfind(b"\n") + 1]
        lines = whole.splitlines()
        self._read_bytes, self._read_lines = len(whole), len(lines)
        return [_decode(line, self._num_lines + i) for i, line in enumerate(lines, start=1)]

    def advance(self) -> None:
        """Go on behind the lines that `read` returned last."""
        self._offset += self._read_bytes
        self._num_lines += self._read_lines
        self._read_bytes = self._read_lines = 0

    def _read_block(self) -> bytes:
        wanted = READ_BYTES
        try:
            with open(self._path, "rb") as file:
                while True:
                    file.seek(self._offset)
                    block = file.read(wanted)
                    if b"\n" in block or len(block) < wanted:
                        return block
                    wanted *= 2
        except FileNotFoundError:
            return b""


def _decode(line: bytes, number: int) -> AnyEvent:
    """Return the event of a line; a line that is none becomes a warning, so that no number is missing."""
    try:
        event = decode_event(_without_nul(line))
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        event = Message(
            text=f"Line {number} of the journal could not be read: {error}", level="warning", code="bad_line"
        )
    return msgspec.structs.replace(event, line=number)


def _without_nul(line: bytes) -> bytes:
    """Show a NUL, which PostgreSQL's text cannot hold and a model may well write, as ␀."""
    return line.replace(rb"\\", b"\0").replace(rb"\u0000", b"\\u2400").replace(b"\0", rb"\\")


def journal_store(claim: Claim, events: Sequence[AnyEvent]) -> None:
    """Store the events of a claim's attempt; raise `Fenced` if it no longer holds the job."""
    with transaction.atomic():
        attempt = attempt_held(claim.job_id, claim.fence)
        job = attempt.job
        new = _without_stale_progress([event for event in events if event.line > attempt.num_lines])
        if not new:
            return
        kept = _take_in(job, attempt, new)
        JobEvent.objects.bulk_create(
            JobEvent(
                job_id=job.pk,
                seq=job.last_seq + i,
                fence=claim.fence,
                line=event.line,
                at=_time_of(event),
                type=str(event.__struct_config__.tag),
                payload={**payload, "type": event.__struct_config__.tag},
            )
            for i, (event, payload) in enumerate(kept, start=1)
        )
        Job.objects.filter(pk=job.pk).update(last_seq=job.last_seq + len(kept), **_progress_fields(new))
        Attempt.objects.filter(pk=attempt.pk).update(num_lines=events[-1].line)
        Lease.objects.filter(job_id=job.pk, fence=claim.fence).update(progressed_at=ClockTimestamp())
        ring_job_on_commit(job.pk)


def _without_stale_progress(events: list[AnyEvent]) -> list[AnyEvent]:
    """Drop each progress that a later one of the same batch makes old."""
    last = max((event.line for event in events if isinstance(event, Progress)), default=0)
    return [event for event in events if not isinstance(event, Progress) or event.line == last]


def _take_in(job: Job, attempt: Attempt, events: Sequence[AnyEvent]) -> list[tuple[AnyEvent, dict[str, Any]]]:
    """Hand the events to the job's kind, and return those to keep with what to keep of each."""
    kind = kind_of(job.kind)
    try:
        with transaction.atomic():
            payloads = kind.on_events(job, attempt, events)
    except LOST:
        raise
    except Exception:
        log.exception("events of job %s were not taken in together; one by one now", job.code)
        payloads = [_take_in_alone(kind, job, attempt, event) for event in events]
    return [(event, dict(payload)) for event, payload in zip(events, payloads, strict=True) if payload is not None]


def _take_in_alone(kind: JobKind, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
    """Take in one event whose neighbour, or which itself, cannot be: a bad one is kept as it is, with the error."""
    try:
        with transaction.atomic():
            return kind.on_event(job, attempt, event)
    except LOST:
        raise
    except Exception as error:
        log.exception("line %s of job %s was not taken in", event.line, job.code)
        payload = JobKind().on_event(job, attempt, event) or {}
        return {**payload, "not_taken_in": f"{type(error).__name__}: {error}"[:500]}


def _progress_fields(events: Sequence[AnyEvent]) -> dict[str, Any]:
    last = next((event for event in reversed(events) if isinstance(event, Progress)), None)
    if last is None:
        return {}
    return {
        "progress_done": last.done,
        "progress_total": last.total,
        "progress_unit": last.unit[:20],
        "progress_phase": last.phase[:120],
        "progress_seconds_left": last.seconds_left,
    }


def _time_of(event: AnyEvent) -> datetime | ClockTimestamp:
    return datetime.fromtimestamp(event.at, UTC) if event.at else ClockTimestamp()
