"""The ops app: commands, checks, and the demo of a first start."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """Servers, processes, health and the commands that run them."""

    name = "webapp.ops"
    label = "ops"

    def ready(self) -> None:
        from webapp.jobs.kinds import register_end_hook
        from webapp.ops.demo import demo_continue_after

        register_end_hook(demo_continue_after)
