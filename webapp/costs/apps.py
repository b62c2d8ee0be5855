from django.apps import AppConfig


class CostsConfig(AppConfig):
    name = "webapp.costs"

    def ready(self) -> None:
        from webapp.costs.services import ledger_write
        from webapp.jobs.kinds import register_end_hook

        register_end_hook(ledger_write)
