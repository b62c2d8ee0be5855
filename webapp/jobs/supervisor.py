"""Runs one claimed job: starts the trainer, follows its journal, keeps its lease, passes on stop and cancel, says how it ended.

Imports no torch. Two connections: this thread stores events, the lease keeper's thread renews. Losing the database
ends nothing: the journal on disk is the spool, and the trainer goes on. Losing the lease ends the trainer at once.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from django.conf import settings
from django.db import connection, transaction

from trainer.events import LAST_EVENTS, AnyEvent, Checkpoint
from trainer.folder import AttemptFolder, AttemptSpec
from webapp.jobs import machine
from webapp.jobs.claim import Claim
from webapp.jobs.ends import End, Facts, end_of
from webapp.jobs.energy import EnergyMeter, nvml_names
from webapp.jobs.errors import Fenced
from webapp.jobs.finish import attempt_finish
from webapp.jobs.journal import JournalTail, journal_store
from webapp.jobs.kinds import kind_of
from webapp.jobs.lease import LeaseKeeper
from webapp.jobs.logs import last_lines
from webapp.jobs.machine import TrainerProcess
from webapp.jobs.models import Job, Worker
from webapp.jobs.steady import LOST, RETRY_SECONDS, steadily
from webapp.jobs.warm import warm_parent

log = logging.getLogger(__name__)
T = TypeVar("T")

POLL_SECONDS = 0.025
FLUSH_SECONDS = 0.1
"""Events are stored at once if the last commit is older than this, else when it is."""
NUM_LOG_TAIL_LINES = 50
CANCEL_TERM_SECONDS, CANCEL_KILL_SECONDS = 5.0, 10.0
"""A cancelled trainer that does not end by itself is told by signals, so long after it was asked."""
STOP_KILL_SECONDS = 600.0
"""Saving may take long; after this nobody believes it is still saving."""
LEAVE_KILL_SECONDS = 50.0
"""A worker is given 60 s to leave; the lease must be free before."""
FENCED_KILL_SECONDS = 1.0


class Supervisor:
    """One attempt of one job. `run` returns when it is over; `leaving` is set when the worker is told to shut down."""

    def __init__(self, claim: Claim, *, leaving: threading.Event) -> None:
        self.claim = claim
        self._leaving = leaving
        self._keeper: LeaseKeeper | None = None
        self._process: TrainerProcess | None = None
        self._last_event: AnyEvent | None = None
        self._told = ""  # the last word said to the trainer
        self._told_at = 0.0
        self._was_hung = False
        self._stored_at = self._heard_at = time.monotonic()
        self._retry_at = 0.0

    def run(self) -> None:
        """Do the attempt. Ends quietly when the job was taken away."""
        try:
            self._run()
        except Fenced as error:
            log.warning("%s; its trainer was ended", error)
        except Exception as error:
            log.exception("attempt %s of job %s could not be supervised", self.claim.fence, self.claim.job_id)
            sentence = f"The job could not be run here: {type(error).__name__}: {error}"[:1000]
            with contextlib.suppress(Fenced):
                self._finish(End(outcome="failed", code="not_run", sentence=sentence))

    def _run(self) -> None:
        with LeaseKeeper(self.claim) as self._keeper:
            job, spec = self._steadily(self._look_up)
            folder = prepare_folder(job, spec)
            num_kills = machine.num_out_of_memory_kills()
            self._process = process = trainer_start(job, spec, folder, visible=self.claim.visible)
            try:
                meter = EnergyMeter(process.pid, nvml_names(spec.device, self.claim.visible))
                self._keeper.on_renewal = meter.read
                tail = JournalTail(folder.journal)
                self._follow(process, tail)
                energy_kwh = meter.kwh()
            finally:
                end_process(process)
            self._drain(tail)
            end = end_of(self._facts(process, num_kills))
            failed = end.outcome in ("failed", "died")
            log_tail = last_lines(folder.log, NUM_LOG_TAIL_LINES) if failed else ""
            self._finish(end, energy_kwh=energy_kwh, log_tail=log_tail)

    def _look_up(self) -> tuple[Job, AttemptSpec]:
        """Return the job and what this attempt is told of it."""
        job = Job.objects.select_related("project", "team").get(pk=self.claim.job_id)
        device, num_devices = Worker.objects.get(pk=self.claim.worker_id).device, self.claim.num_devices
        if num_devices > 1:
            device = device.partition(":")[0]  # all of the kind that it sees
        resume_from = kind_of(job.kind).resume_from(job)
        return job, AttemptSpec(fence=self.claim.fence, device=device, num_devices=num_devices, resume_from=resume_from)

    def _facts(self, process: TrainerProcess, num_kills: int) -> Facts:
        assert self._keeper is not None
        return Facts(
            last_event=self._last_event,
            exit_code=process.returncode,
            stop_request=self._keeper.stop_request,
            was_leaving=self._leaving.is_set(),
            was_hung=self._was_hung,
            out_of_memory=machine.num_out_of_memory_kills() > num_kills,
        )

    def _follow(self, process: TrainerProcess, tail: JournalTail) -> None:
        """Return when the trainer has said its last word or is gone; raise `Fenced` when the job is no longer ours."""
        assert self._keeper is not None
        while process.poll() is None and self._last_event is None:
            if self._keeper.is_fenced:
                raise Fenced(f"attempt {self.claim.fence} of job {self.claim.job_id} lost its lease")
            self._store_new(tail)
            self._pass_on(process, self._keeper.stop_request)
            time.sleep(POLL_SECONDS)

    def _store_new(self, tail: JournalTail) -> None:
        """Store what is new if it is time to. A lost connection only puts it off."""
        now = time.monotonic()
        if now < self._retry_at or now - self._stored_at < FLUSH_SECONDS:
            return
        events = tail.read()
        if not events:
            return
        self._heard_at = now
        try:
            self._store(tail, events)
        except LOST as error:
            log.warning("events of job %s wait, the database does not answer: %s", self.claim.job_id, error)
            connection.close()
            self._retry_at = now + RETRY_SECONDS

    def _store(self, tail: JournalTail, events: list[AnyEvent]) -> None:
        self._stored_at = time.monotonic()  # of the beginning: a slow commit must not make the next one wait longer
        journal_store(self.claim, events)
        tail.advance()
        if any(isinstance(event, Checkpoint) for event in events):
            self._say(f"stored {events[-1].line}")
        if isinstance(events[-1], LAST_EVENTS):
            self._last_event = events[-1]

    def _drain(self, tail: JournalTail) -> None:
        """Store the rest of the journal of a process that has ended."""
        while tail.read():
            self._steadily(lambda: self._store(tail, tail.read()))

    def _pass_on(self, process: TrainerProcess, stop_request: str) -> None:
        """Tell the trainer what it has to do, and be more plain if it does not."""
        word = stop_request or ("stop" if self._leaving.is_set() else "")
        if time.monotonic() - self._heard_at > settings.ISOCOST_HANG_SECONDS:
            self._was_hung, word = True, "cancel"
        if word and word != self._told:
            self._told, self._told_at = word, time.monotonic()
            self._say(word)
        if self._told:
            self._escalate(process, time.monotonic() - self._told_at)

    def _say(self, line: str) -> None:
        """Write a line to the trainer, which may be gone or have closed its ears."""
        with contextlib.suppress(OSError, ValueError):
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()

    def _escalate(self, process: TrainerProcess, waited: float) -> None:
        if self._told == "cancel" and waited > CANCEL_KILL_SECONDS:
            machine.group_signal(process, signal.SIGKILL)
        elif self._told == "cancel" and waited > CANCEL_TERM_SECONDS:
            machine.group_signal(process, signal.SIGTERM)
        elif waited > (LEAVE_KILL_SECONDS if self._leaving.is_set() else STOP_KILL_SECONDS):
            machine.group_signal(process, signal.SIGKILL)

    def _finish(self, end: End, *, energy_kwh: float | None = None, log_tail: str = "") -> None:
        @transaction.atomic
        def finish() -> None:
            if self._keeper is not None:  # first of all that waits for the commit: others may take seconds
                transaction.on_commit(self._keeper.let_go)
            attempt_finish(self.claim, end, energy_kwh=energy_kwh, log_tail=log_tail)

        with contextlib.suppress(Fenced):
            self._steadily(finish)

    def _steadily(self, action: Callable[[], T]) -> T:
        """Do something with the database until it works, or until the job is no longer ours to do."""
        began = time.monotonic()

        def give_up() -> bool:
            fenced = self._keeper is not None and self._keeper.is_fenced
            return fenced or (self._leaving.is_set() and time.monotonic() - began > LEAVE_KILL_SECONDS)

        try:
            return steadily(action, give_up=give_up)
        except LOST as error:
            raise Fenced(f"job {self.claim.job_id} is left to the reaper: {error}") from error


def prepare_folder(job: Job, spec: AttemptSpec) -> AttemptFolder:
    """Write what the trainer reads, and return the attempt's folder."""
    job.folder.path.mkdir(parents=True, exist_ok=True)
    if not job.folder.spec.exists():
        part = job.folder.path / f"spec.json.{spec.fence}"
        part.write_bytes(msgspec.json.format(msgspec.json.encode(job.spec), indent=2))
        part.replace(job.folder.spec)
    folder = job.folder.attempt(spec.fence)
    folder.write_spec(spec)
    return folder


def trainer_start(
    job: Job, spec: AttemptSpec, folder: AttemptFolder, *, visible: tuple[str, ...] = ()
) -> TrainerProcess:
    """Start the process that does the attempt, from one that has PyTorch loaded already where its kind needs that. One
    of several devices starts anew: it sees more than the worker's own."""
    command, several = trainer_command(job, spec), spec.num_devices > 1
    warm = warm_parent.trainer(command, folder.log) if kind_of(job.kind).uses_torch and not several else None
    variables = {"CUDA_VISIBLE_DEVICES": ",".join(visible)} if several and visible else {}
    return warm or machine.process_start(command, folder=settings.BASE_DIR, log=folder.log, variables=variables)


def trainer_command(job: Job, spec: AttemptSpec) -> list[str]:
    """Return the command that does the attempt."""
    return [sys.executable, "-m", "trainer", "run", str(job.folder.path), "--attempt", str(spec.fence), "--supervised"]


def end_process(process: TrainerProcess) -> None:
    """See to it that nothing of the process is left. Closing its input tells it that its supervisor is gone."""
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(FENCED_KILL_SECONDS)
    machine.group_signal(process, signal.SIGKILL)
    process.wait()
