"""The device that would do a job: the machine of the worker that would take it, with its price, power and measurements."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import psutil
from django.db.models import F

from webapp.catalogue.contracts import Terms, contract_for, contract_terms
from webapp.catalogue.freshness import today
from webapp.costs.commitments import HOURS_PER_DAY, effective_usd_per_hour
from webapp.costs.models import Commitment, Machine
from webapp.costs.prices import machine_hour_price
from webapp.costs.services import machine_ensure
from webapp.jobs.models import Queue, Worker
from webapp.quotes.load import Load, load_of
from webapp.teams.models import Team

WORKSTATION_JOB_SPREAD = 0.10
"""Standard deviation of ln(time) between jobs alike on a machine that does other things too. A belief to begin with:
every finished job weighs against it (see `history.job_spread`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """What quotes need to know of a device. None is unknown."""

    name: str
    memory_bytes: float | None = None
    watts: float = 0.0
    """At the meter, working, cooling included; 0: unknown."""

    usd_per_hour: float | None = None
    """After the discount of the contract, where one bears it."""

    provider: str = ""
    """Who bills it; empty: nobody, it is one's own."""

    terms: Terms | None = None
    """Of the team's contract with the provider, or of its commitment to the machine."""

    price_basis: dict[str, Any] = field(default_factory=dict)
    grid_kg_per_kwh: float | None = None
    machine_id: int | None = None
    calibration: dict[str, Any] = field(default_factory=dict)
    """What it measured of itself; empty if it never did."""

    job_spread: float = WORKSTATION_JOB_SPREAD
    load: Load | None = None
    """What other programs take of it now; None is unknown."""


def queue_of_device(device: str) -> Queue:
    """Return the queue for a device as specs name it; `auto` takes an accelerator where a worker has one."""
    if device == "auto":
        has_gpu = Worker.objects.filter(queue=Queue.GPU, stopped_at=None).exists()
        return Queue.GPU if has_gpu else Queue.CPU
    return Queue.CPU if device == "cpu" else Queue.GPU


def likely_worker(queue: str) -> Worker | None:
    """Return the worker that would probably take a job of the queue: the one at work, or else the one that was last."""
    return Worker.objects.filter(queue=queue).order_by(F("stopped_at").desc(nulls_first=True), "-seen_at").first()


def device_of_queue(queue: str) -> Device | None:
    """Return the device that would do a job of the queue; None where no worker is there."""
    worker = likely_worker(queue)
    return None if worker is None else device_of_worker(worker)


def device_of_worker(worker: Worker) -> Device:
    machine = machine_ensure(worker=worker)
    price = machine_hour_price(machine)
    return Device(
        name=str(machine),
        memory_bytes=memory_of(worker),
        watts=machine.power_watts / machine.num_devices * machine.pue,
        usd_per_hour=float(price.effective_usd),
        price_basis=price.basis,
        grid_kg_per_kwh=machine.grid_g_co2e_per_kwh / 1000,
        provider=machine.provider if price.is_set_by_user else "",
        machine_id=machine.pk,
        calibration=calibration_of(machine),
        load=load_of(worker),
    )


def under_terms(device: Device, team: Team) -> Device:
    """Return the device on the terms that the ledger will charge by: of a commitment to it, or of a contract."""
    if device.usd_per_hour is None:
        return device
    terms = _commitment_terms(device, team, today()) or _contract_terms(device, team, today())
    if terms is None:
        return device
    basis = {**device.price_basis, "contract": f"{terms.name}: {terms.words()}"}
    return replace(device, usd_per_hour=terms.usd_per_hour, terms=terms, price_basis=basis)


def _commitment_terms(device: Device, team: Team, day: date) -> Terms | None:
    """Return the terms of devices that are paid for already; what is left of their term is hours that cost nothing more."""
    running = Commitment.objects.filter(team=team, machine=device.machine_id, starts_on__lte=day, ends_on__gte=day)
    found = running.order_by("starts_on", "pk").first()
    if found is None:
        return None
    days_left, rate = (found.ends_on - day).days + 1, float(effective_usd_per_hour(found))
    return Terms(
        name=found.name, list_usd_per_hour=rate, usd_per_hour=rate, credits_usd=0.0,
        reserved_hours=float(days_left * HOURS_PER_DAY * found.num_devices),
    )  # fmt: skip


def _contract_terms(device: Device, team: Team, day: date) -> Terms | None:
    if not device.provider:
        return None
    contract = contract_for(team, provider=device.provider, device=device.name.partition(" · ")[2], on=day)
    return contract_terms(contract, list_usd_per_hour=device.usd_per_hour or 0.0, on=day) if contract else None


def calibration_of(machine: Machine) -> dict[str, Any]:
    """Return what the machine's latest calibration found; empty if there was none."""
    return dict(machine.hardware.get("calibration") or {})


def memory_of(worker: Worker | None) -> float | None:
    """Return the memory that a job may fill: the device's, or the host's where it has no own."""
    if worker is None:
        return float(psutil.virtual_memory().total)  # the installation's own machine
    own = {each.get("device"): each.get("memory_bytes") for each in worker.hardware.get("devices") or []}
    known = own.get(worker.device) if worker.device in own else worker.hardware.get("memory_bytes")
    return float(known) if known else None
