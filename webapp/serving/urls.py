from django.urls import path

from webapp.serving import views

urlpatterns = [
    path("projects/<str:code>/playground/", views.playground, name="playground"),
    path("projects/<str:code>/playground/history/", views.playground_history, name="playground-history"),
]
