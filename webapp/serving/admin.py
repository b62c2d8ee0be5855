"""Answers of models in the admin: looked at, never edited."""

from __future__ import annotations

from django.contrib import admin

from webapp.serving.models import Bout, Contest, Generation, Guard, GuardDecision, Preference, PromptSet
from webapp.ui.look_only import Unedited


@admin.register(Generation)
class GenerationAdmin(Unedited):
    list_display = ("created_at", "project", "model_label", "created_by", "num_tokens", "seconds", "ended_because")
    list_filter = ("ended_because", "project__team")
    search_fields = ("prompt", "output", "model_label", "created_by__email")
    date_hierarchy = "created_at"
    list_select_related = ("project", "created_by")


@admin.register(Preference)
class PreferenceAdmin(Unedited):
    list_display = ("created_at", "project", "chosen_by_model", "rejected_by_model", "created_by")
    list_filter = ("project__team",)
    search_fields = ("chosen", "rejected", "chosen_by_model", "rejected_by_model", "created_by__email")
    date_hierarchy = "created_at"
    list_select_related = ("project", "created_by")


@admin.register(Guard)
class GuardAdmin(Unedited):
    list_display = ("name", "project", "version", "kind", "direction", "action")
    list_filter = ("kind", "direction", "action", "project__team")
    search_fields = ("name", "project__name")
    list_select_related = ("project", "version")


@admin.register(GuardDecision)
class GuardDecisionAdmin(Unedited):
    list_display = ("created_at", "project", "guard_name", "model_label", "direction", "action", "reason")
    list_filter = ("direction", "action", "project__team")
    search_fields = ("guard_name", "model_label", "reason", "created_by__email")
    date_hierarchy = "created_at"
    list_select_related = ("project",)


@admin.register(PromptSet)
class PromptSetAdmin(Unedited):
    list_display = ("name", "project", "created_by", "created_at")
    list_filter = ("project__team",)
    search_fields = ("name", "code", "project__name")
    list_select_related = ("project", "created_by")


@admin.register(Contest)
class ContestAdmin(Unedited):
    list_display = ("name", "project", "first_label", "second_label", "rule", "created_by", "created_at")
    list_filter = ("rule", "project__team")
    search_fields = ("name", "code", "first_label", "second_label")
    list_select_related = ("project", "created_by")


@admin.register(Bout)
class BoutAdmin(Unedited):
    list_display = ("contest", "number", "winner", "judged_by", "answered_at")
    list_filter = ("winner", "contest__project__team")
    search_fields = ("prompt", "contest__name")
    list_select_related = ("contest", "judged_by")
