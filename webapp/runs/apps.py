from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RunsConfig(AppConfig):
    name = "webapp.runs"

    def ready(self) -> None:
        from webapp.costs.lineage import register_lineage
        from webapp.costs.storage import register_storage_source
        from webapp.datasets.paraphrasers import register_paraphrasers
        from webapp.datasets.storage import register_storage
        from webapp.jobs.kinds import register_kind
        from webapp.runs.checkpoints import team_bytes
        from webapp.runs.kinds import TrainKind
        from webapp.runs.profiles import ProfileKind, profile_panel
        from webapp.runs.recommending import run_panel, version_panel
        from webapp.runs.reports import report_panel
        from webapp.runs.sharing import sharing_panel
        from webapp.runs.sources import paraphrasers
        from webapp.runs.storage_use import checkpoint_bytes
        from webapp.runs.true_cost import run_parts, true_cost_panel
        from webapp.ui.panels import register_panel
        from webapp.ui.sections import Section, register_section

        register_kind(TrainKind())
        register_kind(ProfileKind())
        register_panel("run-system", profile_panel)
        register_panel("run-overview", sharing_panel, order=15)
        register_panel("run-evaluation", report_panel, order=10)
        register_storage(_("Checkpoints"), team_bytes)
        register_paraphrasers(paraphrasers)
        register_section(Section(name="runs", title=_("Runs"), url_name="run-list", order=30))
        register_lineage(run_parts)
        register_storage_source(checkpoint_bytes)
        register_panel("run-overview", true_cost_panel, order=60)
        register_panel("run-overview", run_panel, order=30)
        register_panel("model-overview", version_panel, order=30)
