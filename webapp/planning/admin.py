"""Plans in the admin. Versions are looked at, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from webapp.planning.models import Comment, LeverEvidence, OptionQuality, Plan, PlanRun, PlanVersion, ShareLink


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin[Plan]):
    list_display = ("name", "project", "chosen", "created_by", "created_at", "archived_at")
    list_filter = ("project__team", "created_at")
    search_fields = ("name", "code", "chosen", "project__name")


@admin.register(PlanVersion)
class PlanVersionAdmin(admin.ModelAdmin[PlanVersion]):
    list_display = ("plan", "number", "law_label", "catalogue_date", "created_by", "created_at")
    list_filter = ("catalogue_date", "plan__project__team")
    search_fields = ("plan__name", "code", "law_label", "note")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PlanVersion | None = None) -> bool:
        return False


@admin.register(Comment)
class CommentAdmin(admin.ModelAdmin[Comment]):
    list_display = ("plan", "author", "text", "created_at")
    list_filter = ("created_at",)
    search_fields = ("text", "plan__name", "author__email")


@admin.register(ShareLink)
class ShareLinkAdmin(admin.ModelAdmin[ShareLink]):
    list_display = ("version", "code", "created_by", "created_at", "revoked_at")
    list_filter = ("revoked_at", "created_at")
    search_fields = ("code", "version__plan__name")


@admin.register(PlanRun)
class PlanRunAdmin(admin.ModelAdmin[PlanRun]):
    list_display = ("run", "version", "created_at")
    list_filter = ("created_at",)
    search_fields = ("run__name", "version__plan__name")


@admin.register(LeverEvidence)
class LeverEvidenceAdmin(admin.ModelAdmin[LeverEvidence]):
    list_display = ("plan", "lever", "without", "with_lever", "created_at")
    list_filter = ("lever",)
    search_fields = ("plan__name", "without__name", "with_lever__name")


@admin.register(OptionQuality)
class OptionQualityAdmin(admin.ModelAdmin[OptionQuality]):
    list_display = ("plan", "option", "metric", "value", "bar", "created_at")
    list_filter = ("option",)
    search_fields = ("plan__name", "metric", "source")
