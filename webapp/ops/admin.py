"""The demo in the admin."""

from __future__ import annotations

from django.contrib import admin

from webapp.ops.models import Demo


@admin.register(Demo)
class DemoAdmin(admin.ModelAdmin[Demo]):
    list_display = ("project",)
    list_filter = ("project__team",)
    search_fields = ("project__name",)
    list_select_related = ("project",)
