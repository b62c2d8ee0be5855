from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DatasetsConfig(AppConfig):
    name = "webapp.datasets"

    def ready(self) -> None:
        from webapp.costs.storage import register_storage_source
        from webapp.datasets.kinds import PrepareKind
        from webapp.datasets.quote_panel import prepare_panel
        from webapp.datasets.storage_use import dataset_bytes
        from webapp.jobs.kinds import register_kind
        from webapp.ui.panels import register_panel
        from webapp.ui.sections import Section, register_section

        register_kind(PrepareKind())
        register_section(Section(name="data", title=_("Data"), url_name="dataset-list", order=20))
        register_storage_source(dataset_bytes)
        register_panel("prepare-form", prepare_panel)
