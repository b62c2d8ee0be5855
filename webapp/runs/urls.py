from django.urls import path

from webapp.runs import views, views_actions, views_data, views_form, views_table, views_true_cost

urlpatterns = [
    path("projects/<str:code>/runs/", views_table.run_list, name="run-list"),
    path("projects/<str:code>/runs/new/", views_form.run_create, name="run-create"),
    path("projects/<str:code>/runs/estimate/", views_form.run_estimate, name="run-estimate"),
    path("projects/<str:code>/runs/fit/", views_form.run_fit, name="run-fit"),
    path("projects/<str:code>/runs/import/", views_form.run_import, name="run-import"),
    path("projects/<str:code>/runs/metrics/", views_data.runs_metrics, name="runs-metrics"),
    path("projects/<str:code>/runs/compare/", views_table.runs_compare, name="runs-compare"),
    path("projects/<str:code>/runs/table.csv", views_table.runs_csv, name="runs-csv"),
    path("projects/<str:code>/runs/act/", views_actions.runs_act, name="runs-act"),
    path("projects/<str:code>/runs/free-space/", views_actions.space_free, name="runs-free-space"),
    path("runs/<str:code>/", views.run_detail, name="run-detail"),
    path("runs/<str:code>/true-cost/", views_true_cost.run_true_cost, name="run-true-cost"),
    path("runs/<str:code>/true-cost.csv", views_true_cost.run_true_cost_csv, name="run-true-cost-csv"),
    path("projects/<str:code>/costs/quality/", views_true_cost.project_quality_cost, name="project-quality-cost"),
    path("runs/<str:code>/head/", views.run_head, name="run-head"),
    path("runs/<str:code>/metrics/", views_data.run_metrics, name="run-metrics"),
    path("runs/<str:code>/metrics.csv", views_data.run_csv, name="run-csv"),
    path("runs/<str:code>/stop/", views_actions.run_stop, name="run-stop"),
    path("runs/<str:code>/cancel/", views_actions.run_cancel, name="run-cancel"),
    path("runs/<str:code>/resume/", views_actions.run_resume, name="run-resume"),
    path("runs/<str:code>/profile/", views_actions.run_profile, name="run-profile"),
    path("runs/<str:code>/profile/trace.json.gz", views_actions.run_profile_trace, name="run-profile-trace"),
    path("runs/<str:code>/edit/", views_actions.run_edit, name="run-edit"),
    path("runs/<str:code>/download/", views_actions.run_download, name="run-download"),
    path("checkpoints/<str:code>/pin/", views_actions.checkpoint_pin, name="checkpoint-pin"),
    path("checkpoints/<str:code>/delete/", views_actions.checkpoint_delete, name="checkpoint-delete"),
    path("checkpoints/<str:code>/download/", views_actions.checkpoint_download, name="checkpoint-download"),
]
