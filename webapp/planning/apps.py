from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PlanningConfig(AppConfig):
    name = "webapp.planning"

    def ready(self) -> None:
        from webapp.ui.sections import Section, register_section

        register_section(Section(name="overview", title=_("Overview"), url_name="project-overview", order=10))
