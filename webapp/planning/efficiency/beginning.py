"""How a pair comes about, where a lever has none yet: what to go on from in this project, and the page to do it on."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from webapp.planning.efficiency.pairs import (
    AUGMENTATION,
    COMPRESSION,
    PARALLEL,
    TRANSFER,
    began_trained,
    ended_well,
    num_processes,
)
from webapp.projects.models import Project
from webapp.registry.ablations import ablations_of, real_changes
from webapp.registry.models import ModelVersion
from webapp.runs.checkpoints import best
from webapp.runs.models import Run
from webapp.runs.spreading import most_devices

WITH_AUGMENTATION = "augmentation"
"""As families name it among what can be taken out (`Family.ablations`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """A button: what it says, and where it leads; without an address a sentence, why there is none."""

    label: str
    url: str = ""


def beginning_of(project: Project, lever: str) -> Beginning | None:
    """Return the nearest way to a first pair; None where nothing has been trained to go on from."""
    begin = {
        TRANSFER: _transfer, AUGMENTATION: _augmentation, COMPRESSION: _compression, PARALLEL: _parallel,
    }[lever]  # fmt: skip
    return begin(project, ended_well(project))


def _new_run(project: Project, **asked: str) -> str:
    return f"{reverse('run-create', args=[project.code])}?{urlencode(asked)}"


def _transfer(project: Project, runs: list[Run]) -> Beginning | None:
    """A run from trained weights wants one from scratch beside it; without one, the newest model is a start."""
    if alone := next((run for run in runs if began_trained(run)), None):
        url = _new_run(project, **{"from": alone.code, "weights": "random"})
        return Beginning(label=_("Train %(run)s from scratch, too") % {"run": alone}, url=url)
    found = ((run, checkpoint) for run in runs if (checkpoint := best(run)) is not None)
    if start := next(found, None):
        url = _new_run(project, start=start[1].code, family=start[0].family)
        return Beginning(label=_("Start a run from the weights of %(run)s") % {"run": start[0]}, url=url)
    return None


def _augmentation(project: Project, runs: list[Run]) -> Beginning | None:
    for run in runs:
        without = ablations_of(run).get(WITH_AUGMENTATION)
        if without and real_changes(run, without):
            url = f"{reverse('run-ablate', args=[run.code])}?{urlencode({'what': WITH_AUGMENTATION})}"
            return Beginning(label=_("Train %(run)s again without it") % {"run": run}, url=url)
    if runs:
        said = _("No model here was trained with augmentation yet: of pictures, or of texts said in other words.")
        return Beginning(label=said)
    return None


def _compression(project: Project, runs: list[Run]) -> Beginning | None:
    kept = (
        ModelVersion.objects.live().filter(project=project, checkpoint__compression="").order_by("-created_at").first()
    )
    if kept is not None:
        return Beginning(
            label=_("Make %(model)s smaller") % {"model": kept}, url=f"{kept.get_absolute_url()}?tab=compress"
        )
    if runs:
        return Beginning(label=_("Keep the model of %(run)s") % {"run": runs[0]}, url=runs[0].get_absolute_url())
    return None


def _parallel(project: Project, runs: list[Run]) -> Beginning | None:
    if alone := next((run for run in runs if num_processes(run) == 1), None):
        if most_devices(str((alone.spec.get("machine") or {}).get("device", "auto"))) < 2:
            return Beginning(label=_("This installation has one device for a run: there is nothing to share it among."))
        url = _new_run(project, **{"from": alone.code, "processes": "2"})
        return Beginning(label=_("Train %(run)s again with two processes") % {"run": alone}, url=url)
    return None
