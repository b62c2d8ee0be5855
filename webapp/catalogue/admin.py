"""The catalogue in the admin. Prices can be added, never changed: the new one takes the place of the old."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from webapp.catalogue.models import (
    Accelerator,
    ApiPrice,
    Contract,
    ContractUse,
    ImportBatch,
    OwnHardware,
    Price,
    PurchasePrice,
)
from webapp.ui.look_only import LookOnly


class AddOnly:
    """What PostgreSQL refuses to change is not offered to be changed."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Accelerator)
class AcceleratorAdmin(admin.ModelAdmin[Any]):
    list_display = (
        "name", "vendor", "year", "memory_bytes", "memory_bytes_per_second", "bf16_flop_per_second", "rated_watts",
        "is_from_memory",
    )  # fmt: skip
    list_filter = ("vendor", "kind", "is_from_memory", "year")
    search_fields = ("name", "family", "vendor", "source")


@admin.register(Price)
class PriceAdmin(AddOnly, admin.ModelAdmin[Any]):
    list_display = (
        "seen_on", "provider", "accelerator_name", "count", "term", "region", "amount", "currency", "usd_per_hour",
        "has_tax", "marks",
    )  # fmt: skip
    list_filter = ("term", "currency", "has_tax", "provider", "accelerator")
    search_fields = ("provider", "accelerator_name", "instance", "region", "source")
    date_hierarchy = "seen_on"
    autocomplete_fields = ("accelerator",)
    exclude = ("batch",)


@admin.register(PurchasePrice)
class PurchasePriceAdmin(admin.ModelAdmin[Any]):
    list_display = ("accelerator", "usd", "seen_on", "note")
    list_filter = ("accelerator__vendor", "accelerator")
    search_fields = ("accelerator__name", "note", "source")
    date_hierarchy = "seen_on"
    list_select_related = ("accelerator",)


@admin.register(ApiPrice)
class ApiPriceAdmin(AddOnly, admin.ModelAdmin[Any]):
    list_display = ("name", "provider", "input_usd", "cached_usd", "output_usd", "seen_on", "is_from_memory")
    list_filter = ("provider", "is_from_memory", "has_tax")
    search_fields = ("name", "provider", "source")
    date_hierarchy = "seen_on"


@admin.register(Contract)
class ContractAdmin(admin.ModelAdmin[Any]):
    list_display = (
        "team", "provider", "accelerator", "discount_fraction", "credits_usd", "credits_until", "reserved_hours",
        "starts_on", "ends_on",
    )  # fmt: skip
    list_filter = ("team", "provider")
    search_fields = ("provider", "team__name", "note")
    list_select_related = ("team", "accelerator")


@admin.register(ContractUse)
class ContractUseAdmin(AddOnly, admin.ModelAdmin[Any]):
    list_display = ("used_on", "contract", "hours", "credits_usd", "note", "entered_by")
    list_filter = ("contract__team", "contract__provider")
    search_fields = ("contract__provider", "note")
    list_select_related = ("contract__team", "entered_by")
    date_hierarchy = "used_on"


@admin.register(OwnHardware)
class OwnHardwareAdmin(admin.ModelAdmin[Any]):
    list_display = ("name", "team", "accelerator", "num_devices", "purchase_usd", "watts", "utilisation", "updated_at")
    list_filter = ("team", "accelerator")
    search_fields = ("name", "team__name")
    list_select_related = ("team", "accelerator")


@admin.register(ImportBatch)
class ImportBatchAdmin(LookOnly):
    list_display = ("made_at", "name", "format", "provider", "state", "counts", "made_by")
    list_filter = ("format", "state", "provider")
    search_fields = ("name", "provider")
    list_select_related = ("made_by",)
