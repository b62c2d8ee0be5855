"""All that people do to a sweep: make it, stop it, go on, give it more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from trainer.families import get_family
from trainer.metrics.direction import lower_is_better
from trainer.sections import DataSpec
from trainer.spec import TrainSpec, spec_to_dict
from trainer.sweep.space import Setting, SweepRefused, check_space, grid_of, num_combinations, spec_with
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import ACTIVE_STATES
from webapp.jobs.services import job_stop
from webapp.projects.models import Project
from webapp.sweeps.models import Sweep
from webapp.sweeps.queueing import SWEEPS
from webapp.teams.models import User

MAX_GRID = 1_000
CHECKED = 200
"""Combinations of a grid that are checked before anything is queued."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a sweep is made of."""

    version: DatasetVersion
    spec: TrainSpec
    space: Sequence[Setting]
    method: str
    metric: str
    budget_usd: float | None = None
    budget_hours: float | None = None
    max_trials: int = 20
    num_at_once: int = 1
    first_rung: int = 0
    halving_factor: int = 3
    seed: int = 1


def checked(plan: Plan) -> Plan:
    """Return the plan as it can be made; raise `SweepRefused` with what is wrong before anything is queued."""
    check_space(plan.spec.family, plan.space)
    if plan.budget_usd is None and plan.budget_hours is None:
        raise SweepRefused(_("A sweep needs a budget, in dollars or in hours: it is what ends it."))
    if plan.method == Sweep.Method.GRID and num_combinations(plan.space) > MAX_GRID:
        raise SweepRefused(
            _("The grid has %(n)d runs; at most %(max)d. Fewer values, or another method.")
            % {"n": num_combinations(plan.space), "max": MAX_GRID}
        )
    data = DataSpec(path=str(plan.version.path), content_hash=plan.version.content_hash)
    spec = replace(plan.spec, data=data)
    if plan.first_rung:
        if plan.first_rung >= spec.schedule.num_steps:
            raise SweepRefused(
                _("Runs are compared at step %(rung)d first, and have %(steps)d steps: make it less.")
                % {"rung": plan.first_rung, "steps": spec.schedule.num_steps}
            )
        spec = replace(spec, evaluation=replace(spec.evaluation, every_steps=plan.first_rung))
    base = spec_to_dict("train", spec)
    for values in samples_of(plan):
        spec_with(base, values)
    return replace(plan, spec=spec)


def samples_of(plan: Plan) -> list[dict[str, Any]]:
    """Return combinations to look at beforehand: of a grid all, of ranges their ends and middles."""
    if plan.method == Sweep.Method.GRID:
        return grid_of(plan.space)[:CHECKED]
    return [{setting.name: setting.at(share) for setting in plan.space} for share in (0.0, 0.5, 1.0)]


@transaction.atomic
def sweep_create(*, project: Project, created_by: User | None, name: str, plan: Plan) -> Sweep:
    """Make a sweep; its first run is put in the queue after commit."""
    version = plan.version
    if version.dataset.project_id != project.pk or version.ready_at is None:
        raise ValidationError(_("This dataset version is not ready in this project; choose another."))
    plan = checked(plan)
    grid_size = num_combinations(plan.space) if plan.method == Sweep.Method.GRID else plan.max_trials
    sweep = Sweep(
        project=project,
        name=name.strip() or _("sweep-%(n)d") % {"n": project.sweeps.count() + 1},
        dataset_version=version,
        family=get_family(plan.spec.family).name,
        spec=spec_to_dict("train", plan.spec),
        space=msgspec.to_builtins(list(plan.space)),
        method=plan.method,
        metric=plan.metric,
        lower_is_better=lower_is_better(plan.metric),
        budget_usd=plan.budget_usd,
        budget_hours=plan.budget_hours,
        max_trials=min(plan.max_trials, grid_size),
        num_at_once=plan.num_at_once,
        first_rung=plan.first_rung,
        halving_factor=plan.halving_factor,
        seed=plan.seed,
        created_by=created_by,
    )
    sweep.full_clean()
    sweep.save()
    SWEEPS.on_commit(sweep.pk)
    return sweep


@transaction.atomic
def sweep_stop(*, sweep: Sweep, by: User | None) -> None:
    """Make no further run; those at work save and end."""
    Sweep.objects.filter(pk=sweep.pk).exclude(state=Sweep.State.DONE).update(
        state=Sweep.State.STOPPED, problem=_("Stopped on request.")
    )
    for trial in sweep.trials.filter(run__latest_job__state__in=ACTIVE_STATES).select_related("run__latest_job"):
        assert trial.run is not None
        job_stop(job=trial.run.latest_job, by=by)


@transaction.atomic
def sweep_go_on(*, sweep: Sweep, more_trials: int = 0, more_budget: float = 0.0) -> None:
    """Go on with a sweep that is stopped, blocked or done, with more runs and budget where they are given."""
    Sweep.objects.filter(pk=sweep.pk).update(
        state=Sweep.State.RUNNING,
        problem="",
        max_trials=F("max_trials") + max(0, more_trials),
        budget_usd=F("budget_usd") + more_budget,  # the one that is not set stays so
        budget_hours=F("budget_hours") + more_budget,
    )
    SWEEPS.on_commit(sweep.pk)
