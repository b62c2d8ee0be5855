from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ServingConfig(AppConfig):
    name = "webapp.serving"

    def ready(self) -> None:
        from webapp.ui.sections import Section, register_section

        register_section(Section(name="playground", title=_("Playground"), url_name="playground", order=70))
