"""Runs, checkpoints and their metrics in the admin: to look at and to find; what trains them is changed on their pages."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from webapp.runs.models import Checkpoint, MetricBlock, MetricSeries, Run, Sample, TrainJob
from webapp.ui.look_only import LookOnly


@admin.register(Run)
class RunAdmin(admin.ModelAdmin[Run]):
    list_display = (
        "name",
        "project",
        "family",
        "last_step",
        "num_steps",
        "created_by",
        "created_at",
        "archived_at",
        "deleted_at",
    )
    list_filter = (
        "family",
        "project__team",
        ("archived_at", admin.EmptyFieldListFilter),
        ("deleted_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("name", "code", "notes", "project__name", "created_by__email")
    date_hierarchy = "created_at"
    list_select_related = ("project__team", "created_by")
    fields = (
        "name", "tags", "notes", "code", "project", "family", "dataset_version", "latest_job", "parent", "last_step",
        "num_steps", "tokens_per_step", "flop_per_token", "spec", "resolved", "resolved_reasons", "facts", "summary",
        "test_metrics", "created_by", "created_at", "archived_at", "deleted_at",
    )  # fmt: skip
    readonly_fields = tuple(
        name for name in fields if name not in ("name", "tags", "notes", "archived_at", "deleted_at")
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False  # deleted on its page, where it can be undone


@admin.register(TrainJob)
class TrainJobAdmin(LookOnly):
    list_display = ("job", "run")
    search_fields = ("run__name", "run__code", "job__code")
    list_filter = ("job__state",)
    list_select_related = ("job", "run")


@admin.register(Checkpoint)
class CheckpointAdmin(LookOnly):
    list_display = ("run", "step", "size_bytes", "is_best", "is_pinned", "published_at", "removed_at")
    list_filter = ("is_best", "is_pinned", ("removed_at", admin.EmptyFieldListFilter), "run__project__team")
    search_fields = ("run__name", "run__code", "code", "sha256")
    list_select_related = ("run",)


@admin.register(Sample)
class SampleAdmin(LookOnly):
    list_display = ("run", "step", "at")
    list_filter = ("run__project__team",)
    search_fields = ("run__name", "prompt", "output")
    list_select_related = ("run",)


@admin.register(MetricSeries)
class MetricSeriesAdmin(LookOnly):
    list_display = ("run", "key", "num_points", "num_nan", "first_step", "last_step", "last", "lowest", "highest")
    list_filter = ("key",)
    search_fields = ("run__name", "run__code", "key")
    list_select_related = ("run",)


@admin.register(MetricBlock)
class MetricBlockAdmin(LookOnly):
    list_display = ("series", "level", "first_step", "last_step", "size")
    list_filter = ("level",)
    search_fields = ("series__key", "series__run__name")
    list_select_related = ("series",)
    fields = ("series", "level", "first_step", "last_step", "size")
    show_full_result_count = False
