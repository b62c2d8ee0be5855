"""Sweeps in the admin: to look at and to find."""

from __future__ import annotations

from django.contrib import admin

from webapp.sweeps.models import Sweep, Trial
from webapp.ui.look_only import LookOnly


@admin.register(Sweep)
class SweepAdmin(LookOnly):
    list_display = ("name", "project", "method", "metric", "state", "created_by", "created_at")
    list_filter = ("state", "method", "family", "created_at")
    search_fields = ("name", "code", "project__name")
    list_select_related = ("project", "created_by")


@admin.register(Trial)
class TrialAdmin(LookOnly):
    list_display = ("sweep", "number", "run", "value", "usd", "stopped_at_step", "ended_at")
    list_filter = ("sweep__method", "ended_at")
    search_fields = ("sweep__name", "sweep__code", "run__name")
    list_select_related = ("sweep", "run")
