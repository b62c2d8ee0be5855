"""A quote as figures: what a job is expected to take on a device, from counted work, a price and the team's own jobs.

The arithmetic is `economics.verbs.quote`; the very file that it was given is kept with the figures, so that
`python -m economics quote FILE` says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import hypot
from typing import Any

import msgspec

from economics.uncertainty import Interval
from economics.verbs.quote import DeviceFacts, JobFacts, PastJob, QuoteFile, quote
from webapp.jobs.kinds import WorkFacts
from webapp.quotes.devices import Device
from webapp.quotes.history import OwnRate
from webapp.quotes.load import BUSY_FRACTION, Slowdown, slowdown


@dataclass(frozen=True, kw_only=True, slots=True)
class QuoteFigures:
    """p10, p50 and p90 of what a job takes. None is unknown; `seconds` is None where there is no basis yet."""

    group: str
    device: str
    machine_id: int | None = None
    seconds: Interval | None = None
    device_hours: Interval | None = None
    usd: Interval | None = None
    to_pay_usd: Interval | None = None
    """Of it, what leaves the bank under the team's contract; None where there is no contract."""

    kwh: Interval | None = None
    co2e_kg: Interval | None = None
    memory_bytes: Interval | None = None
    memory_by_part: dict[str, float] = field(default_factory=dict)
    device_memory_bytes: float | None = None
    fits: bool | None = None
    basis: str = "none"
    """`calibration`, `own jobs`, or `none`."""

    base_seconds: float | None = None
    """Reckoned before own jobs had a say; None where nothing but they tells."""

    num_own_jobs: int = 0
    """Of the team's jobs that had a say, each that is alike counted once."""

    assumptions: list[dict[str, Any]] = field(default_factory=list)
    file: dict[str, Any] = field(default_factory=dict)
    """What `python -m economics quote` is given to say the same; empty without a basis."""

    price_basis: dict[str, Any] = field(default_factory=dict)
    grid_kg_per_kwh: float | None = None
    busy_fraction_then: float | None = None
    """Of the processor that other programs had while it was measured, where that was much."""

    @property
    def has_basis(self) -> bool:
        return self.seconds is not None

    def intervals(self) -> dict[str, dict[str, float]]:
        """Return every interval that is known, in the form of the database and of the command line."""
        names = ("seconds", "device_hours", "usd", "to_pay_usd", "kwh", "co2e_kg", "memory_bytes")
        return {name: found.to_dict() for name in names if (found := getattr(self, name)) is not None}


def figures(
    work: WorkFacts, device: Device, *, past: Sequence[PastJob] = (), own: OwnRate | None = None
) -> QuoteFigures:
    """Return the quote of some work on a device.

    A calibration of the device gives the rate where there is one for such work; else the team's own finished jobs do,
    and if there are none, time, money and energy stay unknown.
    """
    known: dict[str, Any] = {
        "group": work.group, "device": device.name, "machine_id": device.machine_id,
        "memory_by_part": work.memory_by_part, "device_memory_bytes": device.memory_bytes,
        "price_basis": device.price_basis, "grid_kg_per_kwh": device.grid_kg_per_kwh,
    }  # fmt: skip
    slower = slowdown(device.load, device.calibration.get("cpu_fraction_before")) if work.units_per_second else None
    file = _file(work, device, past, own, slower)
    if file is None:
        return QuoteFigures(**known, **_memory_alone(work, device), assumptions=list(work.assumptions))
    said = quote(file)
    kwh, usd = _interval(said["energy_kwh"]), _interval(said["cost_usd"])
    return QuoteFigures(
        **known,
        seconds=_interval(said["seconds"]),
        device_hours=_interval(said["device_hours"]),
        usd=usd,
        to_pay_usd=device.terms.to_pay(usd) if device.terms and usd else None,
        kwh=kwh,
        co2e_kg=kwh * device.grid_kg_per_kwh if kwh and device.grid_kg_per_kwh is not None else None,
        memory_bytes=_interval(said["memory_bytes"]),
        fits=said["fits"],
        basis="calibration" if work.units_per_second else "own jobs",
        base_seconds=_base_seconds(work, slower),
        num_own_jobs=len(past),
        assumptions=[*said["assumptions"], *work.assumptions, *_load_rows(slower)],
        file=msgspec.to_builtins(file),
        busy_fraction_then=_busy_then(device) if work.units_per_second else None,
    )


def sum_of(quotes: Sequence[QuoteFigures]) -> QuoteFigures:
    """Return the quote of several jobs, one after another on one device, and the memory of the hungriest.

    What one machine does rises and falls together, and only such numbers may be added interval by interval. A sum is
    unknown where one of its parts is.
    """
    if len(quotes) == 1:
        return quotes[0]
    hungriest = max(quotes, key=lambda quote: quote.memory_bytes.p50 if quote.memory_bytes else 0.0)
    return replace(
        hungriest,
        seconds=added(quote.seconds for quote in quotes),
        device_hours=added(quote.device_hours for quote in quotes),
        usd=added(quote.usd for quote in quotes),
        to_pay_usd=added(quote.to_pay_usd for quote in quotes),
        kwh=added(quote.kwh for quote in quotes),
        co2e_kg=added(quote.co2e_kg for quote in quotes),
    )


def added(intervals: Iterable[Interval | None]) -> Interval | None:
    """Return the sum of numbers that rise and fall together; None where one of them is unknown."""
    found = list(intervals)
    known = [each for each in found if each is not None]
    if not found or len(known) < len(found):
        return None
    return Interval(*(sum(getattr(each, name) for each in known) for name in ("p10", "p50", "p90")))


def _base_seconds(work: WorkFacts, slower: Slowdown | None) -> float | None:
    if not work.units_per_second:
        return None
    rate = work.units_per_second * (slower.rate_factor if slower else 1.0)
    return work.fixed_seconds + work.amount / rate


def _busy_then(device: Device) -> float | None:
    busy = device.calibration.get("cpu_fraction_before") or 0.0
    return float(busy) if busy > BUSY_FRACTION else None


def _load_rows(slower: Slowdown | None) -> list[dict[str, Any]]:
    if slower is None:
        return []
    source = f"other programs want {slower.others_cores:.1f} of {slower.num_cores} cores now; how long, nobody knows"
    return [{"name": "rate_beside_others", "value": slower.rate_factor, "unit": "of the measured", "source": source}]


def _file(
    work: WorkFacts, device: Device, past: Sequence[PastJob], own: OwnRate | None, slower: Slowdown | None
) -> QuoteFile | None:
    """Return what economics is asked; None without a rate."""
    if work.units_per_second:
        rate, spread = work.units_per_second, work.rate_spread
        if slower is not None:
            rate, spread = rate * slower.rate_factor, hypot(slower.rate_spread, spread)
    elif own is not None:
        rate, spread = own.units_per_second, own.rate_spread
    else:
        return None
    return QuoteFile(
        job=JobFacts(
            tokens=work.amount, flop_per_token=work.flop_per_unit, memory_bytes=sum(work.memory_by_part.values()),
            fixed_seconds=work.fixed_seconds, kind=work.group,
        ),
        device=DeviceFacts(
            name=device.name, calibrated_flop_per_second=rate * work.flop_per_unit / work.num_devices,
            memory_bytes=device.memory_bytes or 0.0, num_devices=work.num_devices, watts=device.watts,
            usd_per_hour=device.usd_per_hour, rate_spread=spread,
            job_spread=hypot(device.job_spread, slower.job_spread if slower else 0.0),
        ),
        past=list(past),
    )  # fmt: skip


def _memory_alone(work: WorkFacts, device: Device) -> dict[str, Any]:
    """Memory is known from the spec alone, also where time is not."""
    total = sum(work.memory_by_part.values())
    if not total:
        return {}
    asked = {
        "job": {"flop_per_token": 1.0, "memory_bytes": total},
        "device": {"calibrated_flop_per_second": 1.0, "memory_bytes": device.memory_bytes or 0.0},
    }
    said = quote(asked)
    return {"memory_bytes": _interval(said["memory_bytes"]), "fits": said["fits"]}


def _interval(values: dict[str, float] | None) -> Interval | None:
    return None if values is None else Interval(values["p10"], values["p50"], values["p90"])
