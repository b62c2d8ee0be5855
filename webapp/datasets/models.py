"""Uploaded sources, and the immutable versions prepared from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.datasets.lengths import part_lengths
from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User

WEIGHTS_ENDING = ".safetensors"


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def live(self) -> DatasetQuerySet:
        return self.filter(archived_at=None)


class UploadQuerySet(models.QuerySet["Upload"]):
    def open(self) -> UploadQuerySet:
        """Uploads that may still grow: what they declared is reserved in their team's quota."""
        return self.filter(finished_at=None, error="")


class SourceFileQuerySet(models.QuerySet["SourceFile"]):
    def live(self) -> SourceFileQuerySet:
        return self.filter(removed_at=None)

    def stored(self) -> SourceFileQuerySet:
        """Files that take up our disk; those of a folder on the server do not."""
        return self.exclude(stored_path__startswith="/")


class Dataset(models.Model):
    """What was uploaded under one name. Its versions are what runs learn from."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="datasets")
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    data_kind = models.CharField(_("kind of data"), max_length=20, default="text")  # of trainer.data.kinds
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("dataset-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.project.team


class Upload(models.Model):
    """A file on its way in, by the tus protocol. Bytes are appended to `path`; `offset_bytes` is what is safely there."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField()
    offset_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)  # as the client promised it
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    touched_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    file = models.ForeignKey("SourceFile", on_delete=models.SET_NULL, null=True, related_name="uploads")
    is_duplicate = models.BooleanField(default=False)  # its bytes were already in the dataset, as `file`

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(
                condition=Q(offset_bytes__gte=0, offset_bytes__lte=F("size_bytes")), name="upload_offset_within_size"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def owning_team(self) -> Team:
        return self.dataset.project.team

    @property
    def path(self) -> Path:
        return Path(settings.ISOCOST_FILES) / "uploads" / self.code


class SourceFile(models.Model):
    """One whole, checked file of a dataset."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    stored_path = models.CharField(max_length=500)  # under ISOCOST_FILES, or absolute for a folder on the server
    options = models.JSONField(default=dict)  # format, text column, label column, as detected or chosen
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    preview = models.JSONField(null=True)  # what the reader saw with these options; null: not looked at yet
    problem = models.TextField(blank=True)  # why it cannot be read, as a sentence; empty: it can
    removed_at = models.DateTimeField(null=True, blank=True)  # can be brought back until the purge

    objects = SourceFileQuerySet.as_manager()

    class Meta:
        ordering = ("name", "id")
        constraints = [models.UniqueConstraint(fields=["dataset", "sha256"], name="source_file_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def owning_team(self) -> Team:
        return self.dataset.project.team

    @property
    def path(self) -> Path:
        return Path(settings.ISOCOST_FILES) / self.stored_path

    # an absolute path stays as it is

    @property
    def is_weights(self) -> bool:
        """Whether it holds a model's weights: no text, and no mistake, for a run can start from a model that was uploaded."""
        return self.name.endswith(WEIGHTS_ENDING)

    @property
    def is_on_server(self) -> bool:
        """Whether it lies in a folder of the server that is not ours."""
        return self.stored_path.startswith("/")


class DatasetVersion(models.Model):
    """An immutable prepared form of a dataset: what a recipe made of its files."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="dataset_version")
    recipe = models.JSONField()
    recipe_hash = models.CharField(max_length=64)
    content_hash = models.CharField(max_length=64, blank=True)  # empty until ready
    stored_path = models.CharField(max_length=500, blank=True)  # folder under ISOCOST_FILES; empty until ready
    data_kind = models.CharField(max_length=20, default="text")
    num_documents = models.BigIntegerField(null=True)
    num_tokens = models.BigIntegerField(null=True)
    num_bytes = models.BigIntegerField(null=True)
    size_bytes = models.BigIntegerField(null=True)  # on disk
    vocab_size = models.IntegerField(null=True)
    splits = models.JSONField(default=dict)  # split -> counts
    facts = models.JSONField(default=dict)  # what models must know: sizes of images, numbers of labels
    report = models.JSONField(default=dict)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ready_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="version_number_once"),
            models.CheckConstraint(
                condition=Q(ready_at=None) | (~Q(content_hash="") & ~Q(stored_path="")),
                name="ready_version_has_content",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("version-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.dataset.project.team

    @property
    def path(self) -> Path:
        return Path(settings.ISOCOST_FILES) / self.stored_path

    @property
    def model_facts(self) -> dict[str, Any]:
        """Return what the size of a model of this data depends on, and the work of its steps."""
        return {"vocab_size": self.vocab_size, "part_lengths": part_lengths(self.path, self.content_hash), **self.facts}

    def num_documents_of(self, split: str) -> int:
        """Return how many documents a split holds; 0 for no split."""
        found = self.splits.get(split) or {}
        return int(found.get("documents") or found.get("num_documents") or 0)

    def num_units(self, split: str) -> int:
        """Return what a split holds of what throughput counts: tokens, or documents where there are none; 0 for no split."""
        found = self.splits.get(split) or {}
        return int(found.get("tokens") or found.get("num_tokens") or found.get("documents") or 0)
