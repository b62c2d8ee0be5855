"""How a run stands: its state as people read it, how far it is, how fast, what it has cost and will cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from webapp.costs.queries import job_spend, worker_usd_per_hour
from webapp.jobs.display import shown_state, state_word
from webapp.jobs.models import ACTIVE_STATES, HELD_STATES, Attempt, Job, State, Worker
from webapp.runs.machines import peak_flop_per_second
from webapp.runs.models import Run
from webapp.runs.prices import worker_of
from webapp.ui.templatetags.figures import exact, percent, seconds, size, usd


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """A run at this moment. None is unknown."""

    state: str
    """As shown: a stored state, or one derived for display."""

    is_active: bool
    reason_code: str
    reason: str
    phase: str
    step: int
    num_steps: int
    tokens_per_second: float | None
    seconds_left: float | None
    seconds_spent: float
    usd_so_far: float | None
    usd_expected: float | None
    utilisation: float | None
    memory_bytes: float | None
    job: str
    last_seq: int

    @property
    def fraction(self) -> float | None:
        if self.state == State.SUCCEEDED:
            return 1.0
        return min(1.0, self.step / self.num_steps) if self.num_steps else None

    def as_json(self) -> dict[str, Any]:
        """Return what the page's live figures show, already as text: one way of writing numbers, the server's."""
        return {
            "state": self.state,
            "state_name": state_word(self.state),
            "is_active": self.is_active,
            "fraction": self.fraction,
            "phase": self.phase,
            "job": self.job,
            "text": {
                "steps": f"{exact(self.step)} / {exact(self.num_steps)}",
                "seconds_left": seconds(self.seconds_left) if self.is_active else "–",
                "tokens_per_second": exact(self.tokens_per_second),
                "usd_so_far": usd(self.usd_so_far),
                "usd_expected": usd(self.usd_expected),
                "utilisation": percent(self.utilisation),
                "memory": size(self.memory_bytes),
                "seconds_spent": seconds(self.seconds_spent),
            },
        }


def run_status(run: Run) -> Status:
    """Return how the run stands. `run.latest_job` is read afresh by the caller."""
    job = run.latest_job
    held = job.state in HELD_STATES
    worker = worker_of(run)
    attempt = Attempt.objects.filter(job=job, ended_at=None).order_by("-fence").first() if held else None
    running = (timezone.now() - attempt.started_at) if attempt else timedelta(0)
    spent = job_spend(jobs=Job.objects.filter(train_job__run=run))
    price = worker_usd_per_hour(worker) if worker else None
    so_far = _so_far(float(spent.effective_usd), spent.num_attempts, running.total_seconds(), price)
    left = job.progress_seconds_left if held else None
    speed = _last(run, "train/tokens_per_second")
    return Status(
        state=shown_state(job),
        is_active=job.state in ACTIVE_STATES,
        reason_code=job.reason_code,
        reason=job.reason,
        phase=job.progress_phase if held else "",
        step=run.last_step,
        num_steps=run.num_steps,
        tokens_per_second=speed,
        seconds_left=left,
        seconds_spent=spent.seconds + running.total_seconds(),
        usd_so_far=so_far,
        usd_expected=_expected(so_far, left, price) if held else so_far,
        utilisation=utilisation(run, worker, speed),
        memory_bytes=_last(run, "gpu/memory_bytes") or _last(run, "system/memory_bytes"),
        job=job.code,
        last_seq=job.last_seq,
    )


def utilisation(run: Run, worker: Worker | None, tokens_per_second: float | None) -> float | None:
    """Return model FLOP per second as a part of the peak measured on that machine; None where it was not measured."""
    if not run.flop_per_token or not tokens_per_second:
        return None
    peak = peak_flop_per_second(worker, str(run.resolved.get("dtype", "")))
    return run.flop_per_token * tokens_per_second / peak if peak else None


def _so_far(ended_usd: float, num_ended: int, running_seconds: float, price: float | None) -> float | None:
    if price is None:
        return ended_usd if num_ended else None
    return ended_usd + running_seconds * price / 3600


def _expected(so_far: float | None, seconds_left: float | None, price: float | None) -> float | None:
    if so_far is None or seconds_left is None or price is None:
        return None
    return so_far + seconds_left * price / 3600


def _last(run: Run, key: str) -> float | None:
    return (run.summary.get(key) or {}).get("last")
