"""The web app: teams, projects, data, jobs, runs, costs. Knows economics, and of trainer only the front door."""

from webapp.celery import app as celery_app

__all__ = ["celery_app"]
