"""The Celery application. Tasks are doors to services; beat wakes queues and looks for lost jobs."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

app = Celery("isocost")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
