from django.urls import path

from webapp.quotes import views

urlpatterns = [
    path("projects/<str:code>/quotes/", views.project_quotes, name="project-quotes"),
    path("projects/<str:code>/quote/", views.quote_asked, name="quote-beside"),
    path("jobs/<str:code>/quote.json", views.quote_file, name="quote-file"),
]
