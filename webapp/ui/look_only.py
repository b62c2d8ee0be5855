"""What the admin only shows: rows that pages or the machinery write are found and looked at there, never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class Unedited(admin.ModelAdmin[Any]):
    """Rows that are made by their pages alone, and may be deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LookOnly(Unedited):
    """Rows that stay, too: they are the record, or belong to files that a deletion would leave behind."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
