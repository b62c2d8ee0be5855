"""Kept models: versions with their stage, aliases and card, what they were measured at, and what was looked into."""

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
from webapp.runs.models import Checkpoint, Run
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User


class Stage(models.TextChoices):
    CANDIDATE = "candidate", _("candidate")
    STAGING = "staging", _("staging")
    PRODUCTION = "production", _("production")
    ARCHIVED = "archived", _("archived")


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def live(self) -> ModelVersionQuerySet:
        return self.filter(deleted_at=None)


class ModelVersion(models.Model):
    """A checkpoint that is kept under a name and a number. Its weights never change; stage, aliases and card do."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="model_versions")
    name = models.CharField(_("name"), max_length=120)
    number = models.PositiveIntegerField()
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="model_versions")
    sha256 = models.CharField(max_length=64)  # of the checkpoint's manifest: what the version is
    stage = models.CharField(max_length=12, choices=Stage.choices, default=Stage.CANDIDATE)
    licence = models.CharField(_("licence"), max_length=120, blank=True)
    lineage = models.JSONField(default=dict)  # as it was when the version was made: data, code, spec, seed, machine
    card = models.JSONField(default=dict, blank=True)  # the parts that people wrote; the others are made on the spot
    was_pinned = models.BooleanField(default=False)  # somebody had pinned the checkpoint before
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True)  # its checkpoint is no longer kept for it

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(fields=["project", "name", "number"], name="model_version_once"),
            models.UniqueConstraint(
                fields=["project", "name", "checkpoint"],
                condition=Q(deleted_at=None),
                name="checkpoint_once_under_a_name",
            ),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="model_stage_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("model-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.project.team

    @property
    def run(self) -> Run:
        return self.checkpoint.run


class Alias(models.Model):
    """A word that callers use for a version and that may move to another: `latest-safe`, `chat`."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="model_aliases")
    model_name = models.CharField(max_length=120)
    alias = models.CharField(_("alias"), max_length=60)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="aliases")
    set_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "aliases"
        ordering = ("alias",)
        constraints = [models.UniqueConstraint(fields=["project", "model_name", "alias"], name="alias_once")]

    def __str__(self) -> str:
        return self.alias


class StageMove(models.Model):
    """That somebody moved a version to a stage, and why. Append-only."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="moves")
    from_stage = models.CharField(max_length=12, blank=True)
    to_stage = models.CharField(max_length=12)
    sentence = models.TextField(blank=True)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.version_id}: {self.from_stage} → {self.to_stage}"


class EvaluationSuite(models.Model):
    """A measurement that is saved to be made again: which data, which of its splits, and what decides."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="suites")
    name = models.CharField(_("name"), max_length=120)
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="suites")
    splits = ArrayField(models.CharField(max_length=12), default=list)
    family = models.CharField(_("family"), max_length=40, blank=True)  # empty: any
    metric = models.CharField(_("metric that decides"), max_length=60, default="loss")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], condition=Q(archived_at=None), name="suite_name_once")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def owning_team(self) -> Team:
        return self.project.team


class EvaluationJob(models.Model):
    """That a job measures a version, for a suite where one asked for it."""

    job = models.OneToOneField(Job, on_delete=models.PROTECT, primary_key=True, related_name="evaluation_job")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="evaluation_jobs")
    suite = models.ForeignKey(EvaluationSuite, on_delete=models.PROTECT, null=True, related_name="evaluation_jobs")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.version_id}/{self.job_id}"


class Result(models.Model):
    """What a version scored on one split of one data version."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="results")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="+")
    suite = models.ForeignKey(EvaluationSuite, on_delete=models.SET_NULL, null=True, related_name="results")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="+")
    content_hash = models.CharField(max_length=64)  # of the data: results with another one are not comparable
    split = models.CharField(max_length=12)
    metrics = models.JSONField(default=dict)
    units_path = models.CharField(
        max_length=500, blank=True
    )  # file under ISOCOST_FILES: sums by unit, for paired tests
    scores_path = models.CharField(max_length=500, blank=True)  # the same, of the answers to every example
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at", "-id")
        constraints = [models.UniqueConstraint(fields=["version", "job", "split"], name="result_once")]

    def __str__(self) -> str:
        return f"{self.version_id} {self.split}"

    @property
    def owning_team(self) -> Team:
        return self.version.project.team

    @property
    def path_of_units(self) -> Path | None:
        return Path(settings.ISOCOST_FILES) / self.units_path if self.units_path else None

    @property
    def can_be_paired(self) -> bool:
        return bool(self.units_path or self.scores_path)

    @property
    def path_of_scores(self) -> Path | None:
        return Path(settings.ISOCOST_FILES) / self.scores_path if self.scores_path else None


class Inspection(models.Model):
    """A look into a model and what it learned from: nearest documents, verbatim overlap, contamination."""

    class What(models.TextChoices):
        NEAREST = "nearest", _("nearest training documents")
        OVERLAP = "overlap", _("verbatim overlap")
        CONTAMINATION = "contamination", _("contamination check")

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="inspections")
    what = models.CharField(max_length=16, choices=What.choices)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="inspection")
    report = models.JSONField(default=dict)  # empty until the job is done
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.version} · {self.get_what_display()}"

    def get_absolute_url(self) -> str:
        return reverse("inspection-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.version.project.team


class Export(models.Model):
    """A version in a format of others, offered once it was run there and gave the same answers."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="exports")
    format = models.CharField(max_length=16)
    weights = models.CharField(max_length=8)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="export")
    check_report = models.JSONField(
        default=dict
    )  # who ran it and how far the answers lie apart; empty until it is done
    stored_path = models.CharField(max_length=500, blank=True)  # folder under ISOCOST_FILES
    size_bytes = models.BigIntegerField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.version} · {self.format}"

    @property
    def owning_team(self) -> Team:
        return self.version.project.team

    @property
    def path(self) -> Path:
        return Path(settings.ISOCOST_FILES) / self.stored_path

    @property
    def is_offered(self) -> bool:
        """Whether it was checked, agrees, and its files are there."""
        return bool(self.check_report.get("agrees")) and bool(self.stored_path) and self.path.is_dir()


class Compression(models.Model):
    """A smaller form of a version, in fewer bits, pruned or taught: a version of its own, measured beside the other."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="compressions")
    method = models.CharField(max_length=16)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="compression")  # the one that works on it
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, related_name="smaller_form")  # that trained it
    made = models.OneToOneField(ModelVersion, on_delete=models.PROTECT, null=True, related_name="made_by")
    report = models.JSONField(default=dict)  # bytes, seconds and metrics of both; empty until the job is done
    refusal = models.TextField(blank=True)  # why a run that ended well could not be measured
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.version} · {self.method}"

    @property
    def working_job(self) -> Job:
        """The job that works on it now: a run that trains it may have been resumed by another one."""
        return self.run.latest_job if self.run is not None and self.job.kind == "train" else self.job

    @property
    def owning_team(self) -> Team:
        return self.version.project.team


class Ablation(models.Model):
    """What one setting, or a few that belong together, is worth: runs with it and without, alike in all else."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="ablations")
    title = models.CharField(_("what is measured"), max_length=120)
    changes = models.JSONField()  # dotted name of a setting -> its value in the runs without
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("ablation-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.project.team


class AblationPair(models.Model):
    """Two runs of one seed: as it was, and with the changes."""

    ablation = models.ForeignKey(Ablation, on_delete=models.CASCADE, related_name="pairs")
    seed = models.BigIntegerField()
    before = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("seed",)
        constraints = [models.UniqueConstraint(fields=["ablation", "seed"], name="ablation_seed_once")]

    def __str__(self) -> str:
        return f"{self.ablation_id}, {self.seed}"
