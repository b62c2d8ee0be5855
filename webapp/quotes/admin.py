"""Quotes in the admin: looked at, never edited."""

from __future__ import annotations

from django.contrib import admin

from webapp.quotes.models import Quote, QuoteOutcome
from webapp.ui.look_only import LookOnly


@admin.register(Quote)
class QuoteAdmin(LookOnly):
    list_display = ("made_at", "project", "kind", "group", "device", "basis", "num_own_jobs", "fits")
    list_filter = ("kind", "basis", "team")
    search_fields = ("group", "device", "project__name", "job__code")
    date_hierarchy = "made_at"
    list_select_related = ("project",)


@admin.register(QuoteOutcome)
class QuoteOutcomeAdmin(LookOnly):
    list_display = ("ended_at", "quote", "state", "is_censored", "seconds", "usd", "kwh", "peak_memory_bytes")
    list_filter = ("state", "is_censored", "quote__kind")
    search_fields = ("device", "quote__group", "quote__job__code")
    date_hierarchy = "ended_at"
    list_select_related = ("quote",)
