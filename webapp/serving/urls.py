from django.urls import path

from webapp.serving import views, views_lists, views_tables

urlpatterns = [
    path("projects/<str:code>/playground/", views.playground, name="playground"),
    path("projects/<str:code>/playground/history/", views.playground_history, name="playground-history"),
    path("projects/<str:code>/playground/table/", views_tables.table_upload, name="table-predict"),
    path("projects/<str:code>/playground/lists/", views_lists.lists_start, name="lists-start"),
    path("jobs/<slug:code>/recommendations/", views_lists.lists_download, name="lists-download"),
    path("jobs/<slug:code>/answers.csv", views_tables.answers_download, name="table-answers"),
]
