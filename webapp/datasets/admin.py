"""Data in the admin, for operators: looked up and annotated, never edited by hand where files hang on it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from webapp.datasets.models import Dataset, DatasetVersion, SourceFile, Upload
from webapp.ui.look_only import LookOnly

VERSION_FIELDS = (
    "code",
    "dataset",
    "number",
    "job",
    "recipe_hash",
    "content_hash",
    "stored_path",
    "num_documents",
    "num_tokens",
    "num_bytes",
    "size_bytes",
    "vocab_size",
    "splits",
    "created_by",
    "created_at",
    "ready_at",
    "note",
)


class NoHandMade(admin.ModelAdmin[Any]):
    """Rows that belong to files on disk are made and deleted by the app alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Dataset)
class DatasetAdmin(NoHandMade):
    list_display = ("name", "code", "project", "created_by", "created_at", "archived_at")
    list_filter = ("archived_at",)
    search_fields = ("name", "code", "project__name", "project__team__name")
    autocomplete_fields = ("project",)
    readonly_fields = ("code", "project", "created_by", "created_at")
    list_select_related = ("project__team", "created_by")
    date_hierarchy = "created_at"


@admin.register(Upload)
class UploadAdmin(LookOnly):
    list_display = (
        "name",
        "code",
        "dataset",
        "size_bytes",
        "offset_bytes",
        "touched_at",
        "finished_at",
        "is_duplicate",
    )
    list_filter = ("finished_at", "is_duplicate")
    search_fields = ("name", "code", "sha256", "dataset__name")
    list_select_related = ("dataset",)


@admin.register(SourceFile)
class SourceFileAdmin(LookOnly):
    list_display = ("name", "code", "dataset", "size_bytes", "created_by", "created_at", "removed_at")
    list_filter = ("removed_at",)
    search_fields = ("name", "code", "sha256", "dataset__name")
    list_select_related = ("dataset", "created_by")
    exclude = ("preview",)


@admin.register(DatasetVersion)
class DatasetVersionAdmin(NoHandMade):
    list_display = ("dataset", "number", "code", "job", "num_documents", "num_tokens", "size_bytes", "ready_at")
    list_filter = ("data_kind", "ready_at")
    search_fields = ("code", "dataset__name", "recipe_hash", "content_hash", "note")
    list_select_related = ("dataset", "job")
    fields = VERSION_FIELDS

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [name for name in VERSION_FIELDS if name != "note"]
