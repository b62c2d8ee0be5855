"""Quotes in the admin: looked at, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from webapp.quotes.models import Quote, QuoteOutcome


class LookOnly:
    """What PostgreSQL refuses to change is not offered to be changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Quote)
class QuoteAdmin(LookOnly, admin.ModelAdmin[Any]):
    list_display = ("made_at", "project", "kind", "group", "device", "basis", "num_own_jobs", "fits")
    list_filter = ("kind", "basis", "team")
    search_fields = ("group", "device", "project__name", "job__code")
    date_hierarchy = "made_at"
    list_select_related = ("project",)


@admin.register(QuoteOutcome)
class QuoteOutcomeAdmin(LookOnly, admin.ModelAdmin[Any]):
    list_display = ("ended_at", "quote", "state", "is_censored", "seconds", "usd", "kwh", "peak_memory_bytes")
    list_filter = ("state", "is_censored", "quote__kind")
    search_fields = ("device", "quote__group", "quote__job__code")
    date_hierarchy = "ended_at"
    list_select_related = ("quote",)
