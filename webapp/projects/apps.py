from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "webapp.projects"

    def ready(self) -> None:
        from auditlog.registry import auditlog

        from webapp.projects.models import Project

        auditlog.register(Project)
