"""Every address. Each app declares its own; each view declares who may call it (teams/access.py)."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

# One way in: the admin's own login page knows no second factor and no rate limit.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", include("webapp.teams.urls")),
    path("", include("webapp.projects.urls")),
    path("", include("webapp.jobs.urls")),
    path("", include("webapp.catalogue.urls")),
    path("", include("webapp.costs.urls")),
    path("", include("webapp.quotes.urls")),
    path("", include("webapp.budgets.urls")),
    path("", include("webapp.datasets.urls")),
    path("", include("webapp.runs.urls")),
    path("", include("webapp.ladders.urls")),
    path("", include("webapp.sweeps.urls")),
    path("", include("webapp.registry.urls")),
    path("", include("webapp.serving.urls")),
    path("", include("webapp.planning.urls")),
    path("", include("webapp.ops.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
]
