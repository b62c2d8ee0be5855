from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ServingConfig(AppConfig):
    name = "webapp.serving"

    def ready(self) -> None:
        from webapp.costs.serving import register_serving_source
        from webapp.jobs.kinds import register_kind
        from webapp.quotes.asked import register_asked
        from webapp.serving import lists
        from webapp.serving.choices import choices_planned
        from webapp.serving.tables import PredictKind, job_panel
        from webapp.serving.usage import served_on
        from webapp.ui.panels import register_panel
        from webapp.ui.sections import Section, register_section

        register_kind(PredictKind())
        register_panel("job-detail", job_panel, order=20)
        register_kind(lists.RecommendKind())
        register_panel("job-detail", lists.job_panel, order=20)

        register_section(Section(name="playground", title=_("Playground"), url_name="playground", order=70))
        register_serving_source(served_on)
        register_asked("choices", choices_planned)
