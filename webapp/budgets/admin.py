"""Budgets in the administration, and what they held, told and stopped."""

from __future__ import annotations

from django.contrib import admin

from webapp.budgets.models import Budget, BudgetAlert, BudgetStop, Encumbrance
from webapp.ui.look_only import LookOnly


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin[Budget]):
    list_display = ("team", "project", "member", "month", "amount", "unit", "is_hard", "ended_at")
    list_filter = ("unit", "is_hard", "month", "team")
    search_fields = ("team__name", "project__name", "member__email")
    list_select_related = ("team", "project", "member")


@admin.register(Encumbrance)
class EncumbranceAdmin(LookOnly):
    list_display = (
        "job", "usd_p50", "usd_p90", "gpu_hours_p90", "confirmed_by", "overridden_by", "override_reason", "made_at",
        "released_at",
    )  # fmt: skip
    list_filter = ("overridden_by", "job__team")
    search_fields = ("job__code", "job__title", "override_reason")
    list_select_related = ("job", "confirmed_by", "overridden_by")


@admin.register(BudgetAlert)
class BudgetAlertAdmin(LookOnly):
    list_display = ("budget", "month", "percent", "forecast", "at")
    list_filter = ("percent", "month")
    search_fields = ("budget__team__name", "budget__project__name")
    list_select_related = ("budget__team", "budget__project", "budget__member")


@admin.register(BudgetStop)
class BudgetStopAdmin(LookOnly):
    list_display = ("job", "budget", "at")
    list_filter = ("budget__team",)
    search_fields = ("job__code", "sentence")
    list_select_related = ("job", "budget__team", "budget__project", "budget__member")
