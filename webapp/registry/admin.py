"""Kept models in the admin: found and looked at; what happens to them happens on their pages."""

from __future__ import annotations

from django.contrib import admin

from webapp.registry.models import (
    Ablation,
    AblationPair,
    Alias,
    Compression,
    EvaluationJob,
    EvaluationSuite,
    Export,
    Inspection,
    ModelVersion,
    Result,
    StageMove,
)
from webapp.ui.look_only import LookOnly


@admin.register(ModelVersion)
class ModelVersionAdmin(LookOnly):
    list_display = ("name", "number", "stage", "project", "licence", "created_by", "created_at", "deleted_at")
    list_filter = ("stage", ("deleted_at", admin.EmptyFieldListFilter), "project__team")
    search_fields = ("name", "code", "sha256", "project__name", "created_by__email")
    date_hierarchy = "created_at"
    list_select_related = ("project", "created_by")


@admin.register(Alias)
class AliasAdmin(LookOnly):
    list_display = ("alias", "model_name", "version", "project", "set_by", "set_at")
    list_filter = ("project__team",)
    search_fields = ("alias", "model_name")
    list_select_related = ("version", "project", "set_by")


@admin.register(StageMove)
class StageMoveAdmin(LookOnly):
    list_display = ("at", "version", "from_stage", "to_stage", "by", "sentence")
    list_filter = ("to_stage", "version__project__team")
    search_fields = ("version__name", "sentence", "by__email")
    list_select_related = ("version", "by")


@admin.register(EvaluationSuite)
class EvaluationSuiteAdmin(LookOnly):
    list_display = ("name", "project", "dataset_version", "metric", "family", "created_at", "archived_at")
    list_filter = ("family", ("archived_at", admin.EmptyFieldListFilter), "project__team")
    search_fields = ("name", "code", "project__name")
    list_select_related = ("project", "dataset_version__dataset")


@admin.register(EvaluationJob)
class EvaluationJobAdmin(LookOnly):
    list_display = ("job", "version", "suite", "dataset_version")
    list_filter = ("job__state", "version__project__team")
    search_fields = ("version__name", "suite__name", "job__code")
    list_select_related = ("job", "version", "suite", "dataset_version__dataset")


@admin.register(Result)
class ResultAdmin(LookOnly):
    list_display = ("version", "split", "dataset_version", "suite", "at")
    list_filter = ("split", "version__project__team")
    search_fields = ("version__name", "suite__name", "content_hash")
    list_select_related = ("version", "suite", "dataset_version__dataset")


@admin.register(Inspection)
class InspectionAdmin(LookOnly):
    list_display = ("version", "what", "created_by", "created_at", "job")
    list_filter = ("what", "version__project__team")
    search_fields = ("version__name", "code")
    list_select_related = ("version", "created_by", "job")


@admin.register(Export)
class ExportAdmin(LookOnly):
    list_display = ("version", "format", "weights", "size_bytes", "created_by", "created_at", "job")
    list_filter = ("format", "version__project__team")
    search_fields = ("version__name", "code")
    list_select_related = ("version", "created_by", "job")


@admin.register(Compression)
class CompressionAdmin(LookOnly):
    list_display = ("version", "method", "made", "created_by", "created_at", "job")
    list_filter = ("method", "version__project__team")
    search_fields = ("version__name", "job__code")
    list_select_related = ("version", "made", "created_by", "job")


@admin.register(Ablation)
class AblationAdmin(LookOnly):
    list_display = ("title", "project", "created_by", "created_at")
    list_filter = ("project__team",)
    search_fields = ("title", "code", "project__name")
    list_select_related = ("project", "created_by")


@admin.register(AblationPair)
class AblationPairAdmin(LookOnly):
    list_display = ("ablation", "seed", "before", "after")
    list_filter = ("ablation__project__team",)
    search_fields = ("ablation__title", "before__name", "after__name")
    list_select_related = ("ablation", "before", "after")
