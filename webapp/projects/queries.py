"""What the home page shows: the user's teams, each with its projects."""

from __future__ import annotations

from dataclasses import dataclass, field

from webapp.projects.models import Project
from webapp.teams.models import Membership, Role, Team, User


@dataclass(slots=True)
class TeamCard:
    team: Team
    role: Role
    projects: list[Project] = field(default_factory=list)
    archived: list[Project] = field(default_factory=list)

    @property
    def may_create(self) -> bool:
        return self.role >= Role.MEMBER

    @property
    def may_restore(self) -> bool:
        return self.role >= Role.ADMIN


def home_teams(*, user: User) -> list[TeamCard]:
    """Return the user's teams by name, each with its open and its archived projects."""
    memberships = Membership.objects.filter(user=user).select_related("team").order_by("team__name")
    cards = {m.team_id: TeamCard(team=m.team, role=Role(m.role)) for m in memberships}
    for project in Project.objects.filter(team__in=cards).order_by("name"):
        card = cards[project.team_id]
        (card.archived if project.archived_at else card.projects).append(project)
    return list(cards.values())
