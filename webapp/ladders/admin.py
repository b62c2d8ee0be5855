"""Ladders in the admin: to look at and to find. Fits and predictions are never changed, by nobody."""

from __future__ import annotations

from django.contrib import admin

from webapp.ladders.models import Ladder, LadderPoint, ScalingFit, SealedPrediction
from webapp.ui.look_only import LookOnly


@admin.register(Ladder)
class LadderAdmin(LookOnly):
    list_display = ("name", "project", "dataset_version", "state", "created_by", "created_at")
    list_filter = ("state", "created_at")
    search_fields = ("name", "code", "project__name")
    list_select_related = ("project", "dataset_version__dataset", "created_by")


@admin.register(LadderPoint)
class LadderPointAdmin(LookOnly):
    list_display = ("ladder", "position", "role", "num_params", "num_tokens", "loss", "landed_at", "is_left_out")
    list_filter = ("role", "is_left_out")
    search_fields = ("ladder__name", "ladder__code", "label", "run__name")
    list_select_related = ("ladder",)


@admin.register(ScalingFit)
class ScalingFitAdmin(LookOnly):
    list_display = ("ladder", "number", "method", "num_points", "has_law", "created_at")
    list_filter = ("method", "has_law", "created_at")
    search_fields = ("ladder__name", "code")
    list_select_related = ("ladder",)


@admin.register(SealedPrediction)
class SealedPredictionAdmin(LookOnly):
    list_display = ("run", "project", "fit", "sha256", "at")
    list_filter = ("at",)
    search_fields = ("run__name", "run__code", "sha256")
    list_select_related = ("run", "project", "fit__ladder")
