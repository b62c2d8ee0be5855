from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    name = "webapp.datasets"

    def ready(self) -> None:
        from webapp.datasets.kinds import PrepareKind
        from webapp.jobs.kinds import register_kind

        register_kind(PrepareKind())
