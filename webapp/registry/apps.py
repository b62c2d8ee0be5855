from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistryConfig(AppConfig):
    name = "webapp.registry"

    def ready(self) -> None:
        from auditlog.registry import auditlog

        from webapp.jobs.kinds import register_end_hook, register_kind
        from webapp.registry.kinds import CompressKind, EvaluateKind, ExportKind, InspectKind
        from webapp.registry.models import Alias, EvaluationSuite, ModelVersion
        from webapp.registry.panels import ablation_panel, checkpoint_actions, run_panel
        from webapp.registry.services import held_by_version
        from webapp.registry.smaller import smaller_ended
        from webapp.runs.checkpoints import register_holder
        from webapp.ui.panels import register_panel
        from webapp.ui.sections import Section, register_section

        register_kind(EvaluateKind())
        register_kind(CompressKind())
        register_kind(ExportKind())
        register_kind(InspectKind())
        register_end_hook(smaller_ended)
        register_holder(held_by_version)
        register_panel("run-overview", run_panel, order=40)
        register_panel("run-overview", ablation_panel, order=50)
        register_panel("checkpoint-actions", checkpoint_actions, order=40)
        register_section(Section(name="models", title=_("Models"), url_name="model-list", order=50))
        for model in (ModelVersion, Alias, EvaluationSuite):
            auditlog.register(model)
