from django.urls import path

from webapp.costs import views

urlpatterns = [
    path("projects/<str:code>/costs/", views.project_costs, name="project-costs"),
    path("projects/<str:code>/costs/ledger.csv", views.project_ledger_csv, name="project-ledger-csv"),
    path("projects/<str:code>/calibrate/", views.calibration_start, name="calibration-start"),
    path("teams/<str:code>/costs/", views.team_costs, name="team-costs"),
    path("machines/<int:machine_id>/", views.machine_detail, name="machine-detail"),
]
