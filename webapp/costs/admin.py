"""Machines and the ledger in the admin. Ledger rows are looked at, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from webapp.costs.models import LedgerEntry, Machine


@admin.register(Machine)
class MachineAdmin(admin.ModelAdmin[Machine]):
    list_display = ("host", "device", "num_devices", "usd_per_device_hour", "purchase_usd", "power_watts", "updated_at")
    list_filter = ("host",)
    search_fields = ("host", "device")


@admin.register(LedgerEntry)
class LedgerEntryAdmin(admin.ModelAdmin[LedgerEntry]):
    list_display = (
        "started_at",
        "project",
        "job_kind",
        "outcome",
        "seconds",
        "effective_usd",
        "billed_usd",
        "energy_kwh",
    )
    list_filter = ("job_kind", "outcome", "kind", "team")
    search_fields = ("project__name", "model_label", "member__email", "job__code")
    date_hierarchy = "started_at"
    list_select_related = ("project",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LedgerEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LedgerEntry | None = None) -> bool:
        return False
