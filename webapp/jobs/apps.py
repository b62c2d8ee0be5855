from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "webapp.jobs"

    def ready(self) -> None:
        from webapp.ui.sections import Section, register_section

        register_section(Section(name="queue", title=_("Queue"), url_name="queue", order=90, in_project=False))
