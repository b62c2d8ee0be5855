"""Plans in the admin. Names and comments can be mended; versions and what hangs on them are looked at, never edited."""

from __future__ import annotations

from django.contrib import admin

from webapp.planning.models import Comment, LeverEvidence, OptionQuality, Plan, PlanRun, PlanVersion, ShareLink
from webapp.ui.look_only import Unedited


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin[Plan]):
    list_display = ("name", "project", "chosen", "created_by", "created_at", "archived_at")
    list_filter = ("project__team", "created_at")
    search_fields = ("name", "code", "chosen", "project__name")
    list_select_related = ("project", "created_by")
    autocomplete_fields = ("project", "created_by")


@admin.register(PlanVersion)
class PlanVersionAdmin(Unedited):
    list_display = ("plan", "number", "law_label", "catalogue_date", "created_by", "created_at")
    list_filter = ("catalogue_date", "plan__project__team")
    search_fields = ("plan__name", "code", "law_label", "note")
    list_select_related = ("plan", "created_by")


@admin.register(Comment)
class CommentAdmin(admin.ModelAdmin[Comment]):
    list_display = ("plan", "author", "text", "created_at")
    list_filter = ("created_at",)
    search_fields = ("text", "plan__name", "author__email")
    list_select_related = ("plan", "author")
    autocomplete_fields = ("plan", "version", "author")


@admin.register(ShareLink)
class ShareLinkAdmin(Unedited):
    list_display = ("version", "code", "created_by", "created_at", "revoked_at")
    list_filter = ("revoked_at", "created_at")
    search_fields = ("code", "version__plan__name")
    list_select_related = ("version__plan", "created_by")


@admin.register(PlanRun)
class PlanRunAdmin(Unedited):
    list_display = ("run", "version", "created_at")
    list_filter = ("created_at",)
    search_fields = ("run__name", "version__plan__name")
    list_select_related = ("run", "version__plan")


@admin.register(LeverEvidence)
class LeverEvidenceAdmin(Unedited):
    list_display = ("plan", "lever", "without", "with_lever", "created_at")
    list_filter = ("lever",)
    search_fields = ("plan__name", "without__name", "with_lever__name")
    list_select_related = ("plan", "without", "with_lever")


@admin.register(OptionQuality)
class OptionQualityAdmin(Unedited):
    list_display = ("plan", "option", "metric", "value", "bar", "created_at")
    list_filter = ("option",)
    search_fields = ("plan__name", "metric", "source")
    list_select_related = ("plan",)
