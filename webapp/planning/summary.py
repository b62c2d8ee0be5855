"""One page at the end of the loop: what was predicted, what came, what it cost, what to run next, and the decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from webapp.costs.lineage import TrueCost, true_cost
from webapp.ladders.fits import fit_points, fitted_law, latest_fit
from webapp.ladders.models import Ladder, ScalingFit, SealedPrediction
from webapp.ladders.next_runs import NextRuns, next_runs
from webapp.ladders.outcomes import Outcome, outcomes_of, why_missed
from webapp.ladders.prices import hardware_choices
from webapp.ladders.seals import is_intact
from webapp.planning.board_plan import flip_texts, option_rows
from webapp.planning.inputs import inputs_from_dict
from webapp.planning.models import Plan, PlanVersion
from webapp.planning.story import sealed_of
from webapp.projects.models import Project


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """The newest plan's answer."""

    plan: Plan
    version: PlanVersion
    rows: list[dict[str, Any]]
    flips: list[str]
    is_own_law: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """All that the page shows. None is: not there yet."""

    seal: SealedPrediction | None
    outcomes: list[Outcome]
    why: list[str]
    is_intact: bool
    cost: TrueCost | None
    fit: ScalingFit | None
    following: NextRuns | None
    decided: Decided | None


def project_summary(project: Project) -> Summary:
    """Return the end of the project's loop, as far as it has come."""
    seal = sealed_of(project)
    outcomes = outcomes_of(seal) if seal else []
    fit = _fit(project, seal)
    return Summary(
        seal=seal,
        outcomes=outcomes,
        why=why_missed(seal, outcomes) if seal else [],
        is_intact=bool(seal and is_intact(seal)),
        cost=true_cost(seal.run) if seal else None,
        fit=fit,
        following=_next(project, fit) if fit else None,
        decided=_decided(project),
    )


def _fit(project: Project, seal: SealedPrediction | None) -> ScalingFit | None:
    ladder = seal.fit.ladder if seal else Ladder.objects.filter(project=project).order_by("-created_at").first()
    return latest_fit(ladder) if ladder else None


def _next(project: Project, fit: ScalingFit) -> NextRuns | None:
    choices = hardware_choices(project.team)
    return next_runs(fit.ladder, fitted_law(fit), fit_points(fit), choices[0] if choices else None)


def _decided(project: Project) -> Decided | None:
    plan = Plan.objects.filter(project=project, archived_at=None).order_by("-created_at").first()
    version = plan.versions.first() if plan else None
    if plan is None or version is None:
        return None
    inputs = inputs_from_dict(version.inputs)
    return Decided(
        plan=plan, version=version, rows=option_rows(inputs, version.results),
        flips=flip_texts(inputs, version.results)[:3], is_own_law=version.results["law"]["is_own"],
    )  # fmt: skip
