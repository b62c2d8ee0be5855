"""Addresses of data: uploads by the tus protocol, datasets, their files and versions."""

from django.urls import path

from webapp.datasets import tus_views

urlpatterns = [
    path("datasets/<str:code>/uploads/", tus_views.upload_begin, name="upload-begin"),
    path("uploads/<str:code>/", tus_views.upload_resource, name="upload"),
]
