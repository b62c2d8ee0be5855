"""Projects in the admin."""

from __future__ import annotations

from django.contrib import admin

from webapp.projects.models import Project


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin[Project]):
    list_display = ("name", "team", "code", "created_by", "created_at", "archived_at")
    list_filter = ("team", "archived_at")
    search_fields = ("name", "code", "team__name")
    autocomplete_fields = ("team",)
    list_select_related = ("team", "created_by")
