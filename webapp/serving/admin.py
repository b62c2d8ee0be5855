"""Answers of models in the admin: looked at, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from webapp.serving.models import Generation


@admin.register(Generation)
class GenerationAdmin(admin.ModelAdmin[Generation]):
    list_display = ("created_at", "project", "model_label", "created_by", "num_tokens", "seconds", "ended_because")
    list_filter = ("ended_because", "project__team")
    search_fields = ("prompt", "output", "model_label", "created_by__email")
    date_hierarchy = "created_at"
    list_select_related = ("project", "created_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Generation | None = None) -> bool:
        return False
