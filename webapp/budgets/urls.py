from __future__ import annotations

from django.urls import path

from webapp.budgets import views

urlpatterns = [
    path("teams/<str:code>/budgets/", views.team_budgets, name="team-budgets"),
    path("teams/<str:code>/budgets.csv", views.team_budgets_csv, name="team-budgets-csv"),
    path("teams/<str:code>/budgets/holds.csv", views.holds_csv, name="team-holds-csv"),
    path("budgets/<str:code>/", views.budget_detail, name="budget-detail"),
    path("budgets/<str:code>/end/", views.budget_ended, name="budget-end"),
]
