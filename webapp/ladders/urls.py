from __future__ import annotations

from django.urls import path

from webapp.ladders import views, views_fit, views_wizard

urlpatterns = [
    path("projects/<str:code>/ladders/", views.ladder_list, name="ladder-list"),
    path("projects/<str:code>/ladders/new/", views_wizard.ladder_create, name="ladder-create"),
    path("projects/<str:code>/ladders/propose/", views_wizard.ladder_propose, name="ladder-propose"),
    path("projects/<str:code>/ladders/import/", views.ladder_import, name="ladder-import"),
    path("ladders/<str:code>/", views.ladder_detail, name="ladder-detail"),
    path("ladders/<str:code>/live/", views.ladder_live, name="ladder-live"),
    path("ladders/<str:code>/act/", views.ladder_act, name="ladder-act"),
    path("ladders/<str:code>/points.csv", views.ladder_csv, name="ladder-csv"),
    path("fits/<str:code>/", views_fit.fit_detail, name="fit-detail"),
    path("fits/<str:code>/method/", views_fit.fit_method, name="fit-method"),
    path("fits/<str:code>/plan/", views_fit.fit_plan, name="fit-plan"),
    path("fits/<str:code>/fit.json", views_fit.fit_json, name="fit-json"),
    path("predictions/<str:code>/sealed.json", views_fit.seal_json, name="seal-json"),
]
