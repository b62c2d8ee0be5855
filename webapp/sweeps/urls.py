from __future__ import annotations

from django.urls import path

from webapp.sweeps import views

urlpatterns = [
    path("projects/<str:code>/sweeps/", views.sweep_list, name="sweep-list"),
    path("projects/<str:code>/sweeps/new/", views.sweep_create, name="sweep-create"),
    path("projects/<str:code>/sweeps/propose/", views.sweep_propose, name="sweep-propose"),
    path("sweeps/<str:code>/", views.sweep_detail, name="sweep-detail"),
    path("sweeps/<str:code>/live/", views.sweep_live, name="sweep-live"),
    path("sweeps/<str:code>/act/", views.sweep_act, name="sweep-act"),
    path("sweeps/<str:code>/runs.csv", views.sweep_csv, name="sweep-csv"),
]
