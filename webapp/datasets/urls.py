"""Addresses of data: uploads by the tus protocol, datasets, their files and versions."""

from django.urls import path

from webapp.datasets import tus_views, views, views_files, views_recipe, views_versions

urlpatterns = [
    path("projects/<str:code>/data/", views.dataset_list, name="dataset-list"),
    path("projects/<str:code>/data/new/", views.dataset_new, name="dataset-new"),
    path("datasets/<str:code>/", views.dataset_detail, name="dataset-detail"),
    path("datasets/<str:code>/edit/", views.dataset_edit, name="dataset-edit"),
    path("datasets/<str:code>/archive/", views.dataset_put_away, name="dataset-archive"),
    path("datasets/<str:code>/restore/", views.dataset_bring_back, name="dataset-restore"),
    path("datasets/<str:code>/delete/", views.dataset_drop, name="dataset-delete"),
    path("datasets/<str:code>/server-folder/", views.dataset_add_folder, name="dataset-server-folder"),
    path("datasets/<str:code>/files/", views_files.file_table, name="file-table"),
    path("datasets/<str:code>/uploads/", tus_views.upload_begin, name="upload-begin"),
    path("datasets/<str:code>/prepare/", views_recipe.version_new, name="version-new"),
    path("datasets/<str:code>/try/", views_recipe.recipe_try, name="recipe-try"),
    path("uploads/<str:code>/", tus_views.upload_resource, name="upload"),
    path("files/<str:code>/", views_files.file_detail, name="file-detail"),
    path("files/<str:code>/read/", views_files.file_read, name="file-read"),
    path("files/<str:code>/options/", views_files.file_options, name="file-options"),
    path("files/<str:code>/remove/", views_files.file_take_out, name="file-remove"),
    path("files/<str:code>/restore/", views_files.file_bring_back, name="file-restore"),
    path("files/<str:code>/delete/", views_files.file_drop, name="file-delete"),
    path("versions/<str:code>/", views_versions.version_detail, name="version-detail"),
    path("versions/<str:code>/status/", views_versions.version_status, name="version-status"),
    path("versions/<str:code>/edit/", views_versions.version_edit, name="version-edit"),
    path("versions/<str:code>/retry/", views_versions.version_retry, name="version-retry"),
    path("versions/<str:code>/compare/", views_versions.version_compare, name="version-compare"),
    path("versions/<str:code>/report.json", views_versions.version_report_json, name="version-report-json"),
    path("versions/<str:code>/report.csv", views_versions.version_report_csv, name="version-report-csv"),
]
