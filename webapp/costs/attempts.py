"""What one attempt of a job cost, as ledger entries: the device, and apart from it the electricity of one's own machine."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from economics.energy import run_energy
from webapp.catalogue.contracts import Bill
from webapp.costs.commitments import Cover, cover_of
from webapp.costs.contract_uses import contract_use
from webapp.costs.models import LedgerEntry, Machine
from webapp.costs.prices import HourPrice, machine_hour_price, price_decimal
from webapp.costs.purposes import purpose_of
from webapp.jobs.kinds import kind_of
from webapp.jobs.models import Attempt, JobEvent

LOAD_FRACTION = 1.0  # `power_watts` of a machine is its power under load
ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Worked:
    """An ended attempt in figures."""

    seconds: float
    device_hours: Decimal
    kwh: float
    energy_is_measured: bool


def attempt_entries(attempt: Attempt, machine: Machine) -> list[LedgerEntry]:
    """Return the entries of an ended attempt, not saved. Their sum is what it cost."""
    price = machine_hour_price(machine)
    worked = _worked(attempt, machine)
    cover = cover_of(attempt, machine)
    common = _common(attempt, machine)
    if price.is_set_by_user or cover is not None:
        bill = None if cover is not None else contract_use(attempt, machine, price, worked.device_hours)
        return [_rented(price, worked, cover, bill, machine, common)]
    return _owned(price, worked, machine, common)


def _rented(
    price: HourPrice,
    worked: Worked,
    cover: Cover | None,
    bill: Bill | None,
    machine: Machine,
    common: dict[str, Any],
) -> LedgerEntry:
    """Return one entry: rent has the electricity in it. What a commitment covers is not paid again.

    Under a contract the discounted price is what hours are worth; what is left to pay, beyond reserved hours and
    credits, is billed.
    """
    hours, basis = worked.device_hours, price.basis
    billed, effective = hours * price.billed_usd, hours * price.effective_usd
    if bill is not None:
        billed, effective = bill.to_pay_usd, bill.worth_usd
        basis = {**basis, "contract": bill.as_basis()}
    if cover is not None:
        beyond = max(ZERO, hours - cover.device_hours)
        billed = beyond * price.billed_usd
        effective = cover.device_hours * cover.effective_usd_per_hour + beyond * price.effective_usd
        basis = {**basis, "commitment": cover.as_basis()}
    return LedgerEntry(
        kind=LedgerEntry.Kind.COMPUTE,
        seconds=worked.seconds,
        usd_per_device_hour=price.effective_usd if cover is None else cover.effective_usd_per_hour,
        price_basis=basis,
        billed_usd=billed,
        effective_usd=effective,
        commitment=cover.commitment if cover else None,
        provider=cover.commitment.provider if cover else machine.provider,
        energy_kwh=worked.kwh,
        energy_is_measured=worked.energy_is_measured,
        co2e_kg=worked.kwh * machine.grid_g_co2e_per_kwh / 1000,
        **common,
    )


def _owned(price: HourPrice, worked: Worked, machine: Machine, common: dict[str, Any]) -> list[LedgerEntry]:
    """Return capital and electricity as two entries: only the second leaves the bank when a job runs."""
    capital = price_decimal(price.basis["capital_usd_per_hour"])
    electricity = price_decimal(price.basis["electricity_usd_per_hour"])
    tariff = price_decimal(machine.electricity_usd_per_kwh)
    power = worked.device_hours * electricity
    if worked.energy_is_measured:
        power = Decimal(repr(worked.kwh)) * tariff
    return [
        LedgerEntry(
            kind=LedgerEntry.Kind.COMPUTE,
            seconds=worked.seconds,
            usd_per_device_hour=capital,
            price_basis=price.basis,
            billed_usd=ZERO,
            effective_usd=worked.device_hours * capital,
            **common,
        ),
        LedgerEntry(
            kind=LedgerEntry.Kind.ENERGY,
            usd_per_device_hour=None if worked.energy_is_measured else electricity,
            price_basis={"kind": "electricity", "usd_per_kwh": str(tariff), "kwh": worked.kwh},
            billed_usd=power,
            effective_usd=power,
            quantity=worked.kwh,
            unit="kWh",
            energy_kwh=worked.kwh,
            energy_is_measured=worked.energy_is_measured,
            co2e_kg=worked.kwh * machine.grid_g_co2e_per_kwh / 1000,
            **common,
        ),
    ]


def _common(attempt: Attempt, machine: Machine) -> dict[str, Any]:
    job = attempt.job
    return {
        "team_id": job.team_id,
        "project_id": job.project_id,
        "job": job,
        "fence": attempt.fence,
        "job_kind": job.kind,
        "purpose": purpose_of(job),
        "member_id": job.created_by_id,
        "model_label": kind_of(job.kind).model_label(job),
        "outcome": attempt.outcome,
        "lost_fraction": _lost_fraction(attempt),
        "machine": machine,
        "started_at": attempt.started_at,
        "num_devices": attempt.num_devices,
    }


def _worked(attempt: Attempt, machine: Machine) -> Worked:
    seconds = _seconds(attempt)
    kwh, is_measured = _energy_kwh(attempt, machine, seconds)
    hours = Decimal(repr(seconds * attempt.num_devices / 3600))
    return Worked(seconds=seconds, device_hours=hours, kwh=kwh, energy_is_measured=is_measured)


def _seconds(attempt: Attempt) -> float:
    ended_at = attempt.ended_at or attempt.started_at
    return max(0.0, (ended_at - attempt.started_at).total_seconds())


def _lost_fraction(attempt: Attempt) -> float:
    """Return the share of a dead attempt's time that came after its last checkpoint: the next one does it again."""
    seconds = _seconds(attempt)
    if attempt.outcome != "died" or seconds == 0 or attempt.ended_at is None:
        return 0.0
    told = JobEvent.objects.filter(job=attempt.job, fence=attempt.fence, type="checkpoint")
    last = told.order_by("-seq").values_list("at", flat=True).first() or attempt.started_at
    return min(1.0, max(0.0, (attempt.ended_at - last).total_seconds() / seconds))


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
