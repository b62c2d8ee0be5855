from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CostsConfig(AppConfig):
    name = "webapp.costs"

    def ready(self) -> None:
        from auditlog.registry import auditlog

        from webapp.costs.kinds import CalibrateKind
        from webapp.costs.models import Commitment, Machine, StoragePrice
        from webapp.costs.services import ledger_write
        from webapp.jobs.kinds import register_end_hook, register_kind
        from webapp.ui.sections import Section, register_section

        register_kind(CalibrateKind())
        register_end_hook(ledger_write)
        for model in (Machine, Commitment, StoragePrice):
            auditlog.register(model)
        register_section(Section(name="costs", title=_("Costs"), url_name="project-costs", order=80))
