from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "webapp.runs"

    def ready(self) -> None:
        from webapp.jobs.kinds import register_kind
        from webapp.runs.kinds import TrainKind

        register_kind(TrainKind())
