from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PlanningConfig(AppConfig):
    name = "webapp.planning"

    def ready(self) -> None:
        from webapp.ui.sections import Section, register_section

        register_section(Section(name="overview", title=_("Overview"), url_name="project-overview", order=10))
        register_section(Section(name="plan", title=_("Plan"), url_name="plan-list", order=60))
        from webapp.planning.panels import run_panel
        from webapp.ui.panels import register_panel

        register_panel("run-overview", run_panel, order=60)
