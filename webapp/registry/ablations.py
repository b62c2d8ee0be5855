"""What a setting is worth: the run as it is and the same run without, on the same data, from the same seeds.

ablation_create     makes the runs that are missing and puts them in the queue; the run itself is the first of its side
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.db import transaction
from django.utils.translation import gettext as _

from trainer.errors import SpecError
from trainer.families import families
from trainer.spec import TrainSpec, spec_from_dict
from webapp.jobs.models import State
from webapp.registry.errors import RegistryError
from webapp.registry.models import Ablation, AblationPair
from webapp.runs.detail import flat
from webapp.runs.models import Run
from webapp.runs.services import run_create
from webapp.teams.models import User

MAX_SEEDS = 5
TEXT_AUGMENTATION = "text augmentation"
NOT_OURS = ("kind", "version", "family", "data.path", "data.content_hash", "flop_per_token", "seed", "branch_from")
"""Parts of a spec that no ablation changes: another data or family is another question."""


def ablations_of(run: Run) -> dict[str, dict[str, Any]]:
    """Return what may be left out of a run by one button, with the settings without it: those of its family and its data."""
    family = families().get(run.family)
    found = {title: dict(without) for title, without in (family.ablations if family else {}).items()}
    if run.dataset_version.facts.get("num_copies"):
        found[TEXT_AUGMENTATION] = {"data.copies": False}
    return found


def settings_of(run: Run) -> dict[str, Any]:
    """Return the settings that can be changed, by dotted name."""
    return {name: value for name, value in flat(run.spec) if name not in NOT_OURS}


def changed_plain(run: Run, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run's spec, as it was resolved, with the changes; raise `RegistryError` for a setting that is not there."""
    plain: dict[str, Any] = {**run.spec, "machine": {**run.spec.get("machine", {}), **run.resolved}}
    known = settings_of(run)
    for name, value in changes.items():
        if name not in known:
            raise RegistryError(_("There is no setting “%(name)s”; choose one of the list.") % {"name": name})
        part, _dot, field = name.rpartition(".")
        plain = {**plain, part: {**plain[part], field: value}} if part else {**plain, field: value}
    return plain


def changed_spec(run: Run, changes: Mapping[str, Any], *, seed: int) -> TrainSpec:
    """Return the spec of a run with the changes and a seed; raise `RegistryError` with the sentence of what is wrong."""
    try:
        return cast(TrainSpec, spec_from_dict({**changed_plain(run, changes), "seed": seed})[1])
    except SpecError as error:
        raise RegistryError(str(error)) from error


def real_changes(run: Run, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that change something."""
    known = settings_of(run)
    return {name: value for name, value in changes.items() if name not in known or known[name] != value}


@transaction.atomic
def ablation_create(*, run: Run, title: str, changes: Mapping[str, Any], num_seeds: int, created_by: User) -> Ablation:
    """Make the ablation and its runs. The first pair takes the run itself, unless it ended badly.

    Raises `RegistryError` where nothing would change, `JobRefused` where a budget or a limit forbids the runs.
    """
    changes = real_changes(run, changes)
    if not changes:
        raise RegistryError(
            _("The run has these settings already, so there is nothing to compare. Change one of them.")
        )
    if not 1 <= num_seeds <= MAX_SEEDS:
        raise RegistryError(_("The number of seeds must be from 1 to %(most)d.") % {"most": MAX_SEEDS})
    ablation = Ablation.objects.create(
        project=run.project, title=title.strip()[:120] or ", ".join(changes), changes=changes, created_by=created_by
    )
    first_seed = int(run.spec.get("seed", 1))
    for seed in range(first_seed, first_seed + num_seeds):
        is_usable = run.deleted_at is None and run.latest_job.state not in (State.FAILED, State.CANCELLED)
        before = run if seed == first_seed and is_usable else _copy(ablation, run, {}, seed, created_by)
        after = _copy(ablation, run, changes, seed, created_by)
        AblationPair.objects.create(ablation=ablation, seed=seed, before=before, after=after)
    return ablation


def _copy(ablation: Ablation, run: Run, changes: Mapping[str, Any], seed: int, by: User) -> Run:
    side = _("without") if changes else _("with")
    name = f"{run.name[:70]} · {side} {ablation.title[:24]} · {seed}"
    return run_create(
        project=run.project, created_by=by, version=run.dataset_version, spec=changed_spec(run, changes, seed=seed),
        name=name[:120], tags=[*run.tags, "ablation"], parent=run,
        idempotency_key=f"ablation-{ablation.code}-{seed}-{bool(changes)}",
    )  # fmt: skip
