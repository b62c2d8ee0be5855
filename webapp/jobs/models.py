"""Background work. The row in PostgreSQL is the job; a Celery message only says that a queue has work.

Job       what to do, how far it is, how it ended
Lease     who works on it until when; narrow, for it is rewritten every few seconds
Attempt   one try by one worker, numbered by the job's fence
JobEvent  what the attempts said, numbered without gaps over all of them
Worker    a process that takes jobs, with its heartbeat and hardware
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from trainer.folder import AttemptFolder, JobFolder
from webapp.projects.models import Project
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User


class State(models.TextChoices):
    QUEUED = "queued", _("queued")  # a worker may claim it
    RUNNING = "running", _("running")  # an attempt holds a lease, or held one that nobody reaped yet
    STOPPING = "stopping", _("stopping")  # told to stop; the attempt saves what it has
    SUCCEEDED = "succeeded", _("succeeded")  # did all its spec asked
    STOPPED = "stopped", _("stopped")  # saved and ended because somebody asked; can be resumed by a new job
    FAILED = "failed", _("failed")  # cannot go on; the reason says why and what to do
    CANCELLED = "cancelled", _("cancelled")  # ended because somebody asked, nothing more saved


ACTIVE_STATES = (State.QUEUED, State.RUNNING, State.STOPPING)
HELD_STATES = (State.RUNNING, State.STOPPING)
FINAL_STATES = (State.SUCCEEDED, State.STOPPED, State.FAILED, State.CANCELLED)


class Queue(models.TextChoices):
    LIGHT = "light", _("light")  # short work that must not wait behind long
    CPU = "cpu", _("processor")
    GPU = "gpu", _("GPU")


class StopRequest(models.TextChoices):
    NONE = "", _("none")
    STOP = "stop", _("stop and save")
    CANCEL = "cancel", _("cancel")


class JobQuerySet(models.QuerySet["Job"]):
    def active(self) -> JobQuerySet:
        return self.filter(state__in=ACTIVE_STATES)


class Job(models.Model):
    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="jobs")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="jobs")  # the project's, for fair sharing
    kind = models.CharField(max_length=20)
    title = models.CharField(max_length=200, blank=True)
    spec = models.JSONField()  # as in spec.json
    queue = models.CharField(max_length=10, choices=Queue.choices, default=Queue.CPU)
    num_devices = models.PositiveSmallIntegerField(default=1)  # of one host, at once; fewer where no host has as many
    priority = models.SmallIntegerField(default=0)  # higher first
    position = models.FloatField(default=0)  # order within a team; lower first; set to the id at the start
    idempotency_key = models.CharField(max_length=64, null=True, blank=True)

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True)  # one sentence: what happened and what to do
    stop_request = models.CharField(max_length=6, choices=StopRequest.choices, default="", blank=True)
    fence = models.BigIntegerField(default=0)  # number of the latest attempt; every write of an attempt carries it
    num_failures = models.SmallIntegerField(default=0)  # attempts that died; a worker told to leave does not count
    max_failures = models.SmallIntegerField(default=3)
    last_seq = models.BigIntegerField(default=0)

    progress_done = models.FloatField(null=True)
    progress_total = models.FloatField(null=True)
    progress_unit = models.CharField(max_length=20, blank=True)
    progress_phase = models.CharField(max_length=120, blank=True)
    progress_seconds_left = models.FloatField(null=True)

    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True)  # of the first attempt
    ended_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(fields=["team", "idempotency_key"], name="job_once_by_key"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="job_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=ACTIVE_STATES, ended_at=None) | Q(state__in=FINAL_STATES, ended_at__isnull=False),
                name="job_ended_iff_final",
            ),
        ]
        indexes = [
            models.Index(
                F("queue"), F("priority").desc(), F("position"), condition=Q(state="queued"), name="job_queued"
            ),
            models.Index(fields=["project", "-created_at"], name="job_of_project"),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.kind} {self.code}"

    @property
    def owning_team(self) -> Team:
        return self.team

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def folder(self) -> JobFolder:
        return JobFolder(Path(settings.ISOCOST_FILES) / "jobs" / self.code)

    @property
    def progress_fraction(self) -> float | None:
        if self.state == State.SUCCEEDED:
            return 1.0
        if not self.progress_total or self.progress_done is None:
            return None
        return min(1.0, self.progress_done / self.progress_total)


class Worker(models.Model):
    """A process that takes jobs. `seen_at` is its heartbeat, by the database's clock."""

    name = models.CharField(max_length=200, unique=True)  # host, queue and process
    host = models.CharField(max_length=120)
    queue = models.CharField(max_length=10, choices=Queue.choices)
    device = models.CharField(max_length=20, default="cpu")  # as the process names it, which sees no other
    visible = models.CharField(max_length=80, blank=True)  # as the host names it: its CUDA_VISIBLE_DEVICES
    hardware = models.JSONField(default=dict)
    num_slots = models.PositiveSmallIntegerField(default=1)  # jobs it takes at once
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("queue", "name")

    def __str__(self) -> str:
        return self.name


class Lease(models.Model):
    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="lease")
    fence = models.BigIntegerField()
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="leases")
    lent_by = ArrayField(models.BigIntegerField(), default=list)  # workers whose devices it holds besides its worker's
    until = models.DateTimeField()
    renewed_at = models.DateTimeField()
    progressed_at = models.DateTimeField(null=True)  # when the attempt last said anything; null: not a word yet

    class Meta:
        indexes = [models.Index(fields=["until"], name="lease_until")]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.fence} until {self.until:%H:%M:%S}"


class Attempt(models.Model):
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    fence = models.BigIntegerField()
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="attempts")
    device = models.CharField(max_length=20, default="cpu")
    num_devices = models.SmallIntegerField(default=1)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    num_lines = models.BigIntegerField(default=0)  # of its journal taken in; reading a line twice adds nothing
    outcome = models.CharField(max_length=12, blank=True)  # a final state, `released`, or `died`
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True)
    energy_kwh = models.FloatField(null=True)  # measured by the supervisor where the machine offers it
    log_tail = models.TextField(blank=True)  # its last lines, kept when it failed

    class Meta:
        ordering = ("fence",)
        constraints = [models.UniqueConstraint(fields=["job", "fence"], name="attempt_once")]
        indexes = [models.Index(F("ended_at").desc(nulls_first=True), name="attempt_lately")]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.fence}"

    @property
    def owning_team(self) -> Team:
        return self.job.team

    @property
    def seconds(self) -> float | None:
        """Return how long it took, None while it runs."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None

    @property
    def folder(self) -> AttemptFolder:
        return self.job.folder.attempt(self.fence)


class JobEvent(models.Model):
    """One thing that happened to a job. `seq` has no gaps; a client that saw k asks for what is after k."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    seq = models.BigIntegerField()
    fence = models.BigIntegerField()
    line = models.BigIntegerField(null=True)  # of the attempt's journal; null: said by the web app, not by the trainer
    at = models.DateTimeField()
    type = models.CharField(max_length=30)
    payload = models.JSONField(default=dict)

    class Meta:
        ordering = ("seq",)
        constraints = [
            models.UniqueConstraint(fields=["job", "seq"], name="event_seq_once"),
            models.UniqueConstraint(fields=["job", "fence", "line"], name="event_line_once"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}#{self.seq} {self.type}"


class QueueControl(models.Model):
    """What an operator decided about a queue."""

    queue = models.CharField(max_length=10, choices=Queue.choices, unique=True)
    is_paused = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.queue


class TeamLimit(models.Model):
    """How much of the installation a team may use at once. No row: no limit."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, related_name="limit")
    max_running = models.PositiveSmallIntegerField(_("jobs running at once"), null=True, blank=True)
    max_queued = models.PositiveIntegerField(_("jobs waiting"), null=True, blank=True)

    def __str__(self) -> str:
        return str(self.team)
