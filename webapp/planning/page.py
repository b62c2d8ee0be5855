"""What every page of a plan needs: the version looked at, its inputs, its tabs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest

from webapp.planning.inputs import PlanInputs, inputs_from_dict
from webapp.planning.models import Plan, PlanVersion
from webapp.teams.models import Role


@dataclass(frozen=True, slots=True)
class PlanPage:
    """One version of a plan, as a page shows it."""

    plan: Plan
    version: PlanVersion
    inputs: PlanInputs
    is_latest: bool
    may_edit: bool

    @property
    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = self.version.results
        return found

    def context(self, tab: str) -> dict[str, Any]:
        return {
            "project": self.plan.project, "section": "plan", "plan": self.plan, "version": self.version, "tab": tab,
            "is_latest": self.is_latest, "may_edit": self.may_edit, "inputs": self.inputs, "results": self.results,
            "query": "" if self.is_latest else f"?version={self.version.number}",
        }  # fmt: skip


def page_of(request: HttpRequest, plan: Plan) -> PlanPage:
    """Return the version that the address names, or the latest."""
    wanted = request.GET.get("version", "")
    versions = plan.versions.all()
    version = versions.filter(number=int(wanted)).first() if wanted.isdigit() else versions.first()
    if version is None:
        raise Http404
    newest = versions.values_list("number", flat=True).first()
    is_latest = version.number == newest
    role = getattr(request, "team_role", None)
    may_edit = role is not None and role >= Role.MEMBER and plan.archived_at is None
    return PlanPage(plan, version, inputs_from_dict(version.inputs), is_latest, may_edit)
