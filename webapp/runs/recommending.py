"""What a recommender will cost when it serves: a thousand lists over the whole catalogue, and the memory of its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from economics.architecture.recommender import DLRM, SASRec, TwoTower
from economics.errors import EconomicsError
from economics.serving.recommending import RecommendingCost, recommending_cost
from trainer.families import families
from trainer.spec import TrainSpec, spec_from_dict
from webapp.quotes.devices import Device, device_of_queue, queue_of_device
from webapp.quotes.services import NOWHERE
from webapp.runs.architectures import Facts, architecture_of
from webapp.runs.models import Run
from webapp.runs.step_models import form_of, step_model
from webapp.runs.step_speed import machine_accelerator, measuring_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommending:
    """Shown beside the quote, on the run's page and in the registry."""

    cost: RecommendingCost | None
    """None where the machine was never measured."""

    table_bytes: float
    num_items: int
    device: str
    is_measured: bool
    """The time of a list is what the machine took over one of its own, not what a model of it says."""

    @property
    def usd_per_million(self) -> float | None:
        """A thousand may cost less than can be told in dollars."""
        per_thousand = self.cost.usd_per_thousand if self.cost else None
        return None if per_thousand is None else 1_000 * per_thousand


def recommenders() -> set[str]:
    """Return the families that recommend."""
    return {name for name, family in families().items() if "recommend" in family.abilities}


def recommending_of(spec: TrainSpec, facts: Facts, device: Device) -> Recommending | None:
    """Return what serving the model costs on a device; None for a model that recommends nothing."""
    architecture = architecture_of(spec.family, spec.model, facts)
    if not isinstance(architecture, DLRM | TwoTower | SASRec):
        return None
    num_items = int(facts["num_items"])
    cost = measured = None
    accelerator = machine_accelerator(device.calibration)
    if accelerator is not None:
        measured = list_seconds(spec, facts, device.calibration)
        try:
            cost = recommending_cost(
                architecture, accelerator, num_items=num_items, usd_per_hour=device.usd_per_hour,
                measured_seconds=measured,
            )  # fmt: skip
        except EconomicsError:
            cost = None
    table_bytes = 4.0 * architecture.parameters().by_part["tables"]
    return Recommending(
        cost=cost, table_bytes=table_bytes, num_items=num_items, device=device.name, is_measured=measured is not None
    )


def list_seconds(spec: TrainSpec, facts: Facts, calibration: dict[str, Any]) -> float | None:
    """Return what one list takes on the machine: a report ranks the whole catalogue as well. None where none was timed."""
    step = step_model(spec.family, spec.model, facts, form_of(spec))
    return measuring_seconds(spec, step, facts, calibration, what="reporting") if step else None


def run_panel(request: HttpRequest, run: Run) -> str:
    """Return the card on a run's page; empty for what recommends nothing."""
    if run.family not in recommenders():
        return ""
    _kind, spec = spec_from_dict(run.spec)
    device = device_of_queue(queue_of_device(spec.machine.device)) or NOWHERE
    found = recommending_of(spec, run.dataset_version.model_facts, device)
    return (
        render_to_string("runs/_recommending.html", {"recommending": found, "is_card": True}, request) if found else ""
    )


def version_panel(request: HttpRequest, version: Any) -> str:
    """Return the same on the page of a kept model."""
    return run_panel(request, version.checkpoint.run)
