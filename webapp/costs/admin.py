"""Machines, prices and the ledger in the admin. What is append-only is looked at, never edited."""

from __future__ import annotations

from django.contrib import admin

from webapp.costs.models import (
    ColumnMap,
    Commitment,
    Invoice,
    InvoiceLine,
    InvoiceUpload,
    LedgerEntry,
    Machine,
    StoragePrice,
)
from webapp.ui.look_only import LookOnly


@admin.register(Machine)
class MachineAdmin(admin.ModelAdmin[Machine]):
    list_display = (
        "host", "device", "num_devices", "provider", "usd_per_device_hour", "purchase_usd", "power_watts", "updated_at",
    )  # fmt: skip
    list_filter = ("host", "provider")
    search_fields = ("host", "device", "provider")


@admin.register(StoragePrice)
class StoragePriceAdmin(admin.ModelAdmin[StoragePrice]):
    list_display = ("since", "usd_per_gb_month", "provider", "source")
    list_filter = ("provider",)
    search_fields = ("provider", "source")


@admin.register(Commitment)
class CommitmentAdmin(admin.ModelAdmin[Commitment]):
    list_display = ("name", "team", "provider", "machine", "num_devices", "starts_on", "ends_on", "usd_per_device_hour")
    list_filter = ("provider", "team")
    search_fields = ("name", "provider", "team__name")
    list_select_related = ("team", "machine")


@admin.register(LedgerEntry)
class LedgerEntryAdmin(LookOnly):
    list_display = (
        "started_at", "project", "kind", "job_kind", "outcome", "description", "seconds", "effective_usd", "billed_usd",
        "energy_kwh",
    )  # fmt: skip
    list_filter = ("kind", "job_kind", "outcome", "provider", "team")
    search_fields = ("project__name", "model_label", "description", "member__email", "job__code")
    date_hierarchy = "started_at"
    list_select_related = ("project",)


@admin.register(Invoice)
class InvoiceAdmin(LookOnly):
    list_display = ("provider", "number", "team", "currency", "usd_per_currency", "first_day", "last_day", "created_at")
    list_filter = ("provider", "currency", "team")
    search_fields = ("provider", "number", "file_name", "team__name")
    list_select_related = ("team",)


@admin.register(InvoiceLine)
class InvoiceLineAdmin(LookOnly):
    list_display = ("starts_at", "invoice", "service", "kind", "charge_category", "billed_cost", "effective_cost")
    list_filter = ("kind", "charge_category", "charge_class", "commitment_status")
    search_fields = ("service", "description", "resource_id", "commitment_id")
    list_select_related = ("invoice",)
    show_full_result_count = False


@admin.register(InvoiceUpload)
class InvoiceUploadAdmin(LookOnly):
    list_display = ("file_name", "team", "created_by", "created_at")
    list_filter = ("team",)
    search_fields = ("file_name", "team__name")
    list_select_related = ("team", "created_by")


@admin.register(ColumnMap)
class ColumnMapAdmin(admin.ModelAdmin[ColumnMap]):
    list_display = ("name", "team", "created_at")
    list_filter = ("team",)
    search_fields = ("name", "team__name")
    list_select_related = ("team",)
