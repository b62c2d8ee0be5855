from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RunsConfig(AppConfig):
    name = "webapp.runs"

    def ready(self) -> None:
        from webapp.datasets.storage import register_storage
        from webapp.jobs.kinds import register_kind
        from webapp.runs.checkpoints import team_bytes
        from webapp.runs.kinds import TrainKind
        from webapp.ui.sections import Section, register_section

        register_kind(TrainKind())
        register_storage(_("Checkpoints"), team_bytes)
        register_section(Section(name="runs", title=_("Runs"), url_name="run-list", order=30))
