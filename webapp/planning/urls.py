from django.urls import path

from webapp.planning import views

urlpatterns = [
    path("projects/<str:code>/", views.overview, name="project-overview"),
]
