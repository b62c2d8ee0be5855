from django.urls import path

from webapp.registry import (
    views,
    views_ablation,
    views_compress,
    views_export,
    views_inspect,
    views_smaller,
    views_version,
)

urlpatterns = [
    path("projects/<str:code>/models/", views.model_list, name="model-list"),
    path("projects/<str:code>/models/register/", views.model_register, name="model-register"),
    path("projects/<str:code>/models/compare/", views.model_compare, name="model-compare"),
    path("projects/<str:code>/suites/", views.suite_create, name="suite-create"),
    path("suites/<str:code>/archive/", views.suite_archive, name="suite-archive"),
    path("models/<str:code>/", views_version.model_detail, name="model-detail"),
    path("models/<str:code>/stage/", views_version.model_stage, name="model-stage"),
    path("models/<str:code>/alias/", views_version.model_alias, name="model-alias"),
    path("models/<str:code>/card/", views_version.model_card_edit, name="model-card-edit"),
    path("models/<str:code>/card.<str:ending>", views_version.model_card_file, name="model-card-file"),
    path("models/<str:code>/evaluate/", views_version.model_evaluate, name="model-evaluate"),
    path("models/<str:code>/inspect/", views_inspect.model_inspect, name="model-inspect"),
    path("inspections/<str:code>/", views_inspect.inspection_detail, name="inspection-detail"),
    path("models/<str:code>/compress/", views_compress.model_compress, name="model-compress"),
    path("models/<str:code>/smaller/", views_smaller.model_smaller, name="model-smaller"),
    path("models/<str:code>/export/", views_export.model_export, name="model-export"),
    path("exports/<str:code>/download/", views_export.export_download, name="export-download"),
    path("runs/<str:code>/ablate/", views_ablation.run_ablate, name="run-ablate"),
    path("ablations/<str:code>/", views_ablation.ablation_detail, name="ablation-detail"),
    path("models/<str:code>/download/", views_version.model_download, name="model-download"),
    path("models/<str:code>/delete/", views_version.model_delete, name="model-delete"),
]
