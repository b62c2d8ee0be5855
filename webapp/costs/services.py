"""Machines and the ledger: every attempt that ended has its row, however it ended."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from economics.energy import run_energy
from trainer.calibrate.spec import CalibrateSpec
from trainer.spec import spec_to_dict
from webapp.costs.models import LedgerEntry, Machine
from webapp.costs.prices import machine_hour_price
from webapp.jobs.kinds import kind_of
from webapp.jobs.models import Attempt, Job, Worker
from webapp.jobs.services import job_create
from webapp.projects.models import Project
from webapp.teams.models import User

LOAD_FRACTION = 1.0  # `power_watts` of a machine is its power under load
IDLE_CORE_WATTS, CORE_WATTS, GPU_SERVER_WATTS = 20.0, 12.0, 900.0


def machine_ensure(*, worker: Worker) -> Machine:
    """Return the machine that a worker runs on; a new one gets defaults that a user then corrects."""
    hardware = worker.hardware or {}
    device = _device_name(worker)
    machine, _created = Machine.objects.get_or_create(
        host=worker.host, device=device, defaults={"hardware": hardware, **_defaults(worker)}
    )
    return machine


def _device_name(worker: Worker) -> str:
    hardware = worker.hardware or {}
    if worker.queue != "gpu":
        return str(hardware.get("processor") or "cpu")[:80]
    names = {device["device"]: device["name"] for device in hardware.get("devices") or []}
    return str(names.get(worker.device) or worker.device)[:80]


def _defaults(worker: Worker) -> dict[str, Any]:
    """A guess by kind of device, on view and to be corrected: a workstation's price, or that of a GPU with its share."""
    if worker.queue == "gpu":
        return {"purchase_usd": Decimal(35_000), "power_watts": GPU_SERVER_WATTS}
    num_cores = int((worker.hardware or {}).get("num_cores") or 4)
    return {"purchase_usd": Decimal(500 + 125 * num_cores), "power_watts": IDLE_CORE_WATTS + CORE_WATTS * num_cores}


def calibration_start(*, project: Project, created_by: User | None, idempotency_key: str | None = None) -> Job:
    """Put a job into the queue that measures the machine which takes it; about ten seconds."""
    return job_create(
        project=project,
        kind="calibrate",
        spec=spec_to_dict("calibrate", CalibrateSpec()),
        created_by=created_by,
        title=_("Measure this machine"),
        idempotency_key=idempotency_key,
    )


def ledger_write(attempt: Attempt) -> None:
    """Write what one ended attempt cost. Called in the transaction that ended it; a second call adds nothing."""
    job = attempt.job
    machine = machine_ensure(worker=attempt.worker)
    price = machine_hour_price(machine)
    ended_at = attempt.ended_at or attempt.started_at
    seconds = max(0.0, (ended_at - attempt.started_at).total_seconds())
    device_hours = Decimal(repr(seconds * attempt.num_devices / 3600))
    kwh, is_measured = _energy_kwh(attempt, machine, seconds)
    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(
                team_id=job.team_id,
                project_id=job.project_id,
                job=job,
                fence=attempt.fence,
                kind=LedgerEntry.Kind.COMPUTE,
                job_kind=job.kind,
                member_id=job.created_by_id,
                model_label=kind_of(job.kind).model_label(job),
                outcome=attempt.outcome,
                machine=machine,
                started_at=attempt.started_at,
                seconds=seconds,
                num_devices=attempt.num_devices,
                usd_per_device_hour=price.effective_usd,
                price_basis=price.basis,
                billed_usd=device_hours * price.billed_usd,
                effective_usd=device_hours * price.effective_usd,
                energy_kwh=kwh,
                energy_is_measured=is_measured,
                co2e_kg=kwh * machine.grid_g_co2e_per_kwh / 1000,
            )
        ],
        ignore_conflicts=True,  # (job, fence, kind) is unique among first entries
    )


def _energy_kwh(attempt: Attempt, machine: Machine, seconds: float) -> tuple[float, bool]:
    """Return (kWh at the meter, whether it was measured). A meter in the machine does not see cooling: PUE is added."""
    if attempt.energy_kwh is not None:
        return attempt.energy_kwh * machine.pue, True
    energy = run_energy(
        accelerator_hours=seconds * attempt.num_devices / 3600,
        server_watts_per_accelerator=machine.power_watts / machine.num_devices,
        load_fraction=LOAD_FRACTION,
        pue=machine.pue,
        grid_kg_per_kwh=machine.grid_g_co2e_per_kwh / 1000,
    )
    return energy.kwh, False


@transaction.atomic
def ledger_correct(*, entry: LedgerEntry, effective_usd: Decimal, billed_usd: Decimal, note: str) -> LedgerEntry:
    """Add an entry with the difference to what should have been written; the first entry stays as it is."""
    if not note.strip():
        raise ValueError(_("Say in the note why the entry is corrected."))
    first = entry.corrects or entry
    written = [first, *first.corrections.all()]
    difference = LedgerEntry.objects.get(pk=first.pk)
    difference.pk = None
    difference.corrects = first
    difference.effective_usd = effective_usd - sum((e.effective_usd for e in written), Decimal(0))
    difference.billed_usd = billed_usd - sum((e.billed_usd for e in written), Decimal(0))
    difference.seconds = difference.energy_kwh = difference.co2e_kg = 0.0
    difference.note = note
    difference.save()
    return difference
