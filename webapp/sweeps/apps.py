from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SweepsConfig(AppConfig):
    name = "webapp.sweeps"

    def ready(self) -> None:
        from webapp.costs.purposes import register_purpose
        from webapp.jobs.going_on import register_going_on
        from webapp.jobs.kinds import register_stop_reason
        from webapp.quotes.asked import register_asked
        from webapp.sweeps.asked import trial_planned
        from webapp.sweeps.costs import sweep_purpose, sweep_stop_reason
        from webapp.sweeps.panels import sweep_panel
        from webapp.sweeps.queueing import SWEEPS
        from webapp.ui.panels import register_panel
        from webapp.ui.sections import Section, register_section

        register_going_on(SWEEPS)
        register_purpose(sweep_purpose)
        register_stop_reason(sweep_stop_reason)
        register_asked("trial", trial_planned)
        register_panel("run-overview", sweep_panel, order=30)
        register_section(Section(name="sweeps", title=_("Sweeps"), url_name="sweep-list", order=35))
