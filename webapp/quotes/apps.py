from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class QuotesConfig(AppConfig):
    name = "webapp.quotes"

    def ready(self) -> None:
        from webapp.jobs.kinds import register_end_hook, register_made_hook
        from webapp.quotes.panels import job_panel, run_panel
        from webapp.quotes.services import quote_ended, quote_made
        from webapp.ui.panels import register_panel
        from webapp.ui.sections import Section, register_section

        register_made_hook(quote_made)
        register_end_hook(quote_ended)
        register_panel("job-detail", job_panel, order=20)
        register_panel("run-overview", run_panel, order=20)
        register_section(Section(name="quotes", title=_("Quotes"), url_name="project-quotes", order=83))
