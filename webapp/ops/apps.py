"""The ops app: commands and checks; it has no tables."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """Servers, processes, health and the commands that run them."""

    name = "webapp.ops"
    label = "ops"
