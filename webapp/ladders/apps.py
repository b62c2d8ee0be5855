from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LaddersConfig(AppConfig):
    name = "webapp.ladders"

    def ready(self) -> None:
        from django.db.models.signals import post_save

        from webapp.costs.lineage import register_lineage
        from webapp.costs.purposes import register_purpose
        from webapp.jobs.going_on import register_going_on
        from webapp.ladders.asked import rung_planned
        from webapp.ladders.costs import ladder_parts, ladder_purpose
        from webapp.ladders.panels import prediction_panel
        from webapp.ladders.queueing import LADDERS
        from webapp.ladders.seals import seal_on_made
        from webapp.quotes.asked import register_asked
        from webapp.runs.models import TrainJob
        from webapp.ui.panels import register_panel
        from webapp.ui.sections import Section, register_section

        register_going_on(LADDERS)
        register_purpose(ladder_purpose)
        register_lineage(ladder_parts)
        register_asked("rung", rung_planned)
        # runs stand below ladders and cannot call them: a new run is heard of by its first job
        post_save.connect(seal_on_made, sender=TrainJob, dispatch_uid="ladders-seal")
        register_panel("run-overview", prediction_panel, order=10)
        register_section(Section(name="ladder", title=_("Ladder"), url_name="ladder-list", order=40))
