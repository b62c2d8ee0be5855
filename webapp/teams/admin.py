"""People and teams in the admin, for operators of the installation."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from webapp.teams.models import Invitation, LoginLink, Membership, Team, User
from webapp.ui.look_only import Unedited

admin.site.unregister(Group)  # rights come from teams and is_staff; a group would be a third way that nothing reads


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    ordering = ("email",)
    list_display = ("email", "name", "is_staff", "is_active", "last_login", "date_joined")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (_("Person"), {"fields": ("name",)}),
        (_("Rights in the installation"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)


class MembershipInline(admin.TabularInline[Membership, Team]):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin[Team]):
    list_display = ("name", "code", "quota_bytes", "created_at")
    list_filter = ("created_at",)
    search_fields = ("name", "code")
    inlines = (MembershipInline,)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin[Membership]):
    list_display = ("team", "user", "role", "created_at")
    list_filter = ("role", "team")
    search_fields = ("team__name", "user__email", "user__name")
    list_select_related = ("team", "user")
    autocomplete_fields = ("team", "user")


@admin.register(Invitation)
class InvitationAdmin(Unedited):
    list_display = ("team", "role", "email", "created_by", "expires_at", "accepted_by", "revoked_at")
    list_filter = ("role", "team")
    search_fields = ("team__name", "email")
    list_select_related = ("team", "created_by", "accepted_by")
    exclude = ("secret_hash",)


@admin.register(LoginLink)
class LoginLinkAdmin(Unedited):
    list_display = ("user", "created_at", "expires_at", "used_at")
    list_filter = ("used_at",)
    search_fields = ("user__email",)
    list_select_related = ("user",)
    exclude = ("secret_hash",)
