"""From a plan to a run: the spec of its size and tokens on a prepared version, and what the plan expects of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from economics.scaling.predict import predict_loss
from trainer.errors import SpecError
from trainer.sections import BatchSpec, DataSpec, EvaluationSpec, OptimizerSpec, ScheduleSpec
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.jobs.errors import JobRefused
from webapp.ladders.rungs import FAMILY, Common, RungRefused, learning_rate_of, model_of_size
from webapp.planning.inputs import inputs_from_dict
from webapp.planning.models import PlanRun, PlanVersion
from webapp.planning.sources import law_used
from webapp.runs.estimates import Estimate, estimate
from webapp.runs.models import Run
from webapp.runs.services import run_create
from webapp.teams.models import User

SMALL_PARAMS = 3e7
"""Below it a run uses the ladder's short sequences; above, usual ones."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A run as the plan would make it."""

    spec: TrainSpec
    num_params: int
    num_tokens: int
    estimate: Estimate
    expected: dict[str, Any]

    @property
    def obstacle(self) -> str:
        """Return why it cannot run here, as a sentence; empty if it can."""
        if self.estimate.fits is False:
            return _(
                "It does not fit into this machine's memory. Take a smaller budget, or train it where the plan says."
            )
        return ""


def planned_run(version: PlanVersion, data: DatasetVersion) -> Planned:
    """Return the run of a version's best mix on prepared data; raise JobRefused with a sentence where there is none."""
    best = version.results["scale"]["best"]
    small = best["num_params"] < SMALL_PARAMS
    common = Common(
        version=data, sequence_length=128 if small else 1024, sequences_per_step=16 if small else 64
    )  # fmt: skip
    try:
        model, decoder = model_of_size(best["num_params"], common)
        num_params = decoder.parameters().total
        steps = max(20, ceil(best["num_tokens"] / common.tokens_per_step))
        spec = TrainSpec(
            family=FAMILY, model=model, data=DataSpec(path=str(data.path), content_hash=data.content_hash),
            batch=BatchSpec(sequence_length=common.sequence_length, sequences_per_step=common.sequences_per_step),
            optimizer=OptimizerSpec(learning_rate=learning_rate_of(num_params)),
            schedule=ScheduleSpec(num_steps=steps, warmup_steps=max(1, min(steps // 20, 2_000)), decay="wsd"),
            evaluation=EvaluationSpec(every_steps=max(1, steps // 10)),
        )  # fmt: skip
    except (RungRefused, SpecError) as error:
        raise JobRefused(str(error)) from error
    spec, found = _fitted(spec, data, version)
    tokens = steps * common.tokens_per_step
    return Planned(spec, num_params, tokens, found, _expected(version, num_params, tokens, found))


def _fitted(spec: TrainSpec, data: DatasetVersion, version: PlanVersion) -> tuple[TrainSpec, Estimate]:
    """Take the largest micro-batch that fits: the step stays the same, only its parts get smaller."""
    found = estimate(spec, data, team=version.owning_team)
    size = spec.batch.sequences_per_step
    while found.fits is False and size > 1:
        size //= 4
        spec = replace(spec, batch=replace(spec.batch, micro_batch=max(1, size)))
        found = estimate(spec, data, team=version.owning_team)
    return spec, found


def _expected(version: PlanVersion, num_params: int, num_tokens: int, found: Estimate) -> dict[str, Any]:
    """What the plan expects of this very run: the loss by its law, time and money by the quote of the machine it runs on.

    A published law knows another tokenizer and other data: its loss is no expectation of yours, and is left out.
    """
    expected: dict[str, Any] = {}
    inputs = inputs_from_dict(version.inputs)
    law = law_used(inputs, version.plan.project, version.law)
    if law.is_own:
        key = "bits_per_byte" if law.fitted.conventions.loss_unit == "bits_per_byte" else "loss"
        expected[key] = predict_loss(law.fitted, num_params, num_tokens).loss.to_dict()
    quote = found.quote
    for key, interval in (("seconds", quote.seconds), ("usd", quote.usd)):
        if interval is not None:
            expected[key] = interval.to_dict()
    return expected


@transaction.atomic
def plan_run_create(*, version: PlanVersion, data: DatasetVersion, created_by: User, name: str = "") -> Run:
    """Make the run that a version plans, and keep what was expected of it."""
    planned = planned_run(version, data)
    if planned.obstacle:
        raise JobRefused(planned.obstacle)
    run = run_create(
        project=version.plan.project, created_by=created_by, version=data, spec=planned.spec, name=name,
        tags=["planned"], notes=_("Begun by the plan %s.") % version,
    )  # fmt: skip
    PlanRun.objects.get_or_create(run=run, defaults={"version": version, "expected": planned.expected})
    return run
