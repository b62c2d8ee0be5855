"""The cast of the tests: Alice owns the team, Adam helps her run it, Bob works, Vera looks, Charlie is a stranger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client

from webapp.projects.models import Project
from webapp.teams.models import Membership, Role, Team, User

PASSWORD = "correct horse battery"


def make_user(name: str, **extra: Any) -> User:
    """Return a user called `name`, with e-mail name@example.com and no usable password (tests sign in by session)."""
    return User.objects.create_user(f"{name.lower()}@example.com", name=name, **extra)


@dataclass(slots=True)
class Cast:
    team: Team
    project: Project
    alice: User
    adam: User
    bob: User
    vera: User
    charlie: User

    def client(self, user: User | None) -> Client:
        """Return a browser in which the user is signed in; None: nobody is."""
        client = Client()
        if user is not None:
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client


def make_team(name: str = "Acme AI") -> Cast:
    """Return a team with a project, one member of each role, and a stranger who owns a team of his own."""
    team = Team.objects.create(name=name)
    roles = {"Alice": Role.OWNER, "Adam": Role.ADMIN, "Bob": Role.MEMBER, "Vera": Role.VIEWER}
    people = {who: make_user(who) for who in roles}
    for who, role in roles.items():
        Membership.objects.create(team=team, user=people[who], role=role)
    charlie = make_user("Charlie")
    Membership.objects.create(team=Team.objects.create(name="Elsewhere"), user=charlie, role=Role.OWNER)
    project = Project.objects.create(team=team, name="Support assistant 客服助手", created_by=people["Alice"])
    return Cast(
        team=team,
        project=project,
        alice=people["Alice"],
        adam=people["Adam"],
        bob=people["Bob"],
        vera=people["Vera"],
        charlie=charlie,
    )
