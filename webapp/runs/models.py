"""Trainings: runs, the jobs that worked on them, their checkpoints, samples and metrics."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User


class Run(models.Model):
    """One training from first step to last. Resuming makes a new job of the same run; its state is its latest job's."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    name = models.CharField(_("name"), max_length=120)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    family = models.CharField(max_length=40)
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="runs")
    spec = models.JSONField()  # as asked for
    resolved = models.JSONField(
        default=dict, blank=True
    )  # machine spec with nothing at auto; every later job of the run uses it
    resolved_reasons = models.JSONField(default=dict, blank=True)
    facts = models.JSONField(default=dict, blank=True)  # parameters by part, and so on, as the trainer counted them
    shared = models.JSONField(default=dict, blank=True)  # how the processes that share it get on, as last told
    flop_per_token = models.FloatField(null=True, blank=True)  # as economics counts it
    tokens_per_step = models.BigIntegerField(null=True, blank=True)
    num_steps = models.BigIntegerField()
    latest_job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")
    last_step = models.BigIntegerField(default=0)
    summary = models.JSONField(default=dict, blank=True)  # metric -> {last, min, max, step}
    test_metrics = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)  # hidden; can be undone until purged

    class Meta:
        ordering = ("-created_at",)
        indexes = [models.Index(fields=["project", "-created_at"], name="run_of_project")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("run-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.project.team


class TrainJob(models.Model):
    """That a job works on a run."""

    job = models.OneToOneField(Job, on_delete=models.PROTECT, primary_key=True, related_name="train_job")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="train_jobs")

    def __str__(self) -> str:
        return f"{self.run_id}/{self.job_id}"


class Checkpoint(models.Model):
    """A complete checkpoint that an attempt with a valid fence published."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="checkpoints")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    fence = models.BigIntegerField()
    step = models.BigIntegerField()
    stored_path = models.CharField(max_length=500)  # folder under ISOCOST_FILES
    sha256 = models.CharField(max_length=64)  # of its manifest
    size_bytes = models.BigIntegerField()
    metrics = models.JSONField(default=dict, blank=True)
    is_best = models.BooleanField(default=False)
    is_pinned = models.BooleanField(default=False)
    compression = models.CharField(max_length=16, blank=True)  # method; such a one is used, but not trained on from
    published_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True)  # files are gone, the row stays

    class Meta:
        ordering = ("-step",)
        constraints = [
            models.UniqueConstraint(fields=["job", "fence", "step"], name="checkpoint_once"),
            models.UniqueConstraint(
                fields=["run"], condition=Q(is_best=True, removed_at=None), name="one_best_checkpoint"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} · {self.step}"

    @property
    def owning_team(self) -> Team:
        return self.run.project.team

    @property
    def path(self) -> Path:
        return Path(settings.ISOCOST_FILES) / self.stored_path


class Sample(models.Model):
    """What the model made at a step."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="samples")
    step = models.BigIntegerField()
    prompt = models.TextField(blank=True)
    output = models.TextField(blank=True)
    pictures = models.JSONField(default=list, blank=True)  # pictures with what the model said of them
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-step",)
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="sample_once")]

    def __str__(self) -> str:
        return f"{self.run_id} · {self.step}"


class MetricSeries(models.Model):
    """One metric of one run: how much there is of it, and its ends. Its points lie in blocks."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="series")
    key = models.CharField(max_length=120)
    num_points = models.BigIntegerField(default=0)
    num_nan = models.BigIntegerField(default=0)
    first_step = models.BigIntegerField(default=0)
    last_step = models.BigIntegerField(default=-1)
    last = models.FloatField(null=True)  # null: not a number
    lowest = models.FloatField(null=True)
    lowest_step = models.BigIntegerField(null=True)
    highest = models.FloatField(null=True)
    highest_step = models.BigIntegerField(null=True)

    class Meta:
        verbose_name_plural = "metric series"
        ordering = ("key",)
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="metric_series_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.key}"


class MetricBlock(models.Model):
    """A stretch of one level of a series. Level 0 holds every point; a bucket of level k stands for 16**k of them.

    Little-endian arrays, 8 bytes a number: `steps` are the points', or each bucket's last; `last`, `low`, `high` and
    `mean` are the bucket's (level 0 has only `last`); `finite` and `nan` count the numbers in it that are, and are not.
    Empty `steps` are evenly spaced; empty `finite` are full buckets; empty `nan` are none.
    """

    series = models.ForeignKey(MetricSeries, on_delete=models.CASCADE, related_name="blocks")
    level = models.SmallIntegerField()
    first_step = models.BigIntegerField()  # follows on the block before, so that blocks leave no gap between them
    last_step = models.BigIntegerField()
    size = models.IntegerField()  # points or buckets
    steps = models.BinaryField(default=b"")
    last = models.BinaryField()
    low = models.BinaryField(default=b"")
    high = models.BinaryField(default=b"")
    mean = models.BinaryField(default=b"")
    finite = models.BinaryField(default=b"")
    nan = models.BinaryField(default=b"")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["series", "level", "first_step"], include=["last_step"], name="metric_block_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.series_id} L{self.level} {self.first_step}-{self.last_step}"
