from django.apps import AppConfig


class CostsConfig(AppConfig):
    name = "webapp.costs"

    def ready(self) -> None:
        from auditlog.registry import auditlog

        from webapp.costs.kinds import CalibrateKind
        from webapp.costs.models import Machine
        from webapp.costs.services import ledger_write
        from webapp.jobs.kinds import register_end_hook, register_kind

        register_kind(CalibrateKind())
        register_end_hook(ledger_write)
        auditlog.register(Machine)
