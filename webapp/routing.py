"""Websocket addresses, and the HTTP addresses that go to a raw ASGI handler instead of Django. Each declares its access rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import path

from webapp.datasets.tus import PREFIX as UPLOADS
from webapp.datasets.tus import uploads
from webapp.jobs.consumers import JobConsumer
from webapp.runs.consumers import RunConsumer
from webapp.serving.consumers import PlaygroundConsumer

websocket_urlpatterns: list[Any] = [
    path("ws/jobs/<str:code>/", JobConsumer.as_asgi()),
    path("ws/runs/<str:code>/", RunConsumer.as_asgi()),
    path("ws/playground/<str:code>/", PlaygroundConsumer.as_asgi()),
]
http_handlers: list[tuple[str, Callable[..., Any]]] = [(UPLOADS, uploads)]
