from django.urls import path

from webapp.projects import views

urlpatterns = [
    path("teams/<str:code>/projects/new/", views.project_new, name="project-new"),
    path("projects/<str:code>/settings/", views.project_settings, name="project-settings"),
    path("projects/<str:code>/archive/", views.project_archive, name="project-archive"),
    path("projects/<str:code>/restore/", views.project_restore, name="project-restore"),
]
