from django.apps import AppConfig


class TeamsConfig(AppConfig):
    name = "webapp.teams"

    def ready(self) -> None:
        from auditlog.registry import auditlog

        from webapp.teams.models import Invitation, Membership, Team, User

        auditlog.register(User, exclude_fields=["password", "last_login"])
        auditlog.register(Invitation, exclude_fields=["secret_hash"])
        for model in (Team, Membership):
            auditlog.register(model)
