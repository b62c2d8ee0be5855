"""Quote a job from its resolved facts and its device: time, memory, money, energy."""

from __future__ import annotations

import argparse
from math import isfinite
from typing import Any, Literal

import msgspec
import numpy as np

from economics.constants import STEP_SPREAD
from economics.errors import InputError
from economics.training.draws import normal_draws
from economics.uncertainty import JobObservation, LogNormal, RatioPrior, interval_of, ratio_posterior
from economics.verbs._json import convert_json, read_json


class JobFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a job will do, resolved: counted FLOP and bytes, not names of models."""

    tokens: float = 0.0
    """Tokens (or images, examples) that the job processes."""
    flop_per_token: float
    """Model FLOP of one of them, forward and backward for training."""
    memory_bytes: float = 0.0
    """What the job is computed to take on the device; 0: unknown."""
    fixed_seconds: float = 0.0
    """Start, evaluation, checkpoints: what does not grow with the tokens."""
    kind: str = "train"


class DeviceFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The device as it measured itself, or its data sheet."""

    name: str = "device"
    calibrated_flop_per_second: float = 0.0
    """Model FLOP per second that a calibration reached; 0: not calibrated."""
    peak_flop_per_second: float = 0.0
    """Peak of the data sheet, used where there is no calibration."""
    memory_bytes: float = 0.0
    num_devices: int = 1
    watts: float = 0.0
    """At the wall, per device, working."""
    usd_per_hour: float | None = None
    """Price of one device-hour; null: unknown."""
    rate_spread: float = 0.0
    """Standard deviation of ln(rate) before any job of one's own; 0: by where the rate comes from."""
    job_spread: float = 0.0
    """Standard deviation of ln(time) from one job to the next alike; 0: that of a machine with nothing else to do."""


class PastJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the team's own jobs, against its quote."""

    ratio: float
    """Observed over quoted seconds, > 0."""
    state: Literal["succeeded", "stopped", "failed", "cancelled"] = "succeeded"
    """Failed and cancelled jobs say only that they would have taken longer."""
    device: str = ""
    kind: str = ""


class QuoteFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file that `quote` reads."""

    job: JobFacts
    device: DeviceFacts
    past: list[PastJob] = []


def quote(file: QuoteFile | dict[str, Any]) -> dict[str, Any]:
    """Return what a job is expected to take on a device, as p10, p50 and p90.

    Time is fixed seconds plus FLOP over the rate. The rate is what the device's calibration reached, moved by how the
    team's own jobs did against their quotes (failed and cancelled ones are right-censored); without a calibration it
    is a third of the peak, and the interval says how little that is worth. Memory is plain arithmetic and given as it is
    with the allocator's usual spread. Money and energy are unknown (null) where price or watts are.

    >>> facts = {"job": {"tokens": 1e7, "flop_per_token": 6e7}, "device": {"calibrated_flop_per_second": 1e11}}
    >>> result = quote(facts)
    >>> 5000 < result["seconds"]["p50"] < 7000, result["cost_usd"]
    (True, None)
    """
    if isinstance(file, dict):
        file = convert_json(file, QuoteFile)
    job, device = file.job, file.device
    for field, value in (
        ("job.tokens", job.tokens), ("job.flop_per_token", job.flop_per_token), ("job.memory_bytes", job.memory_bytes),
        ("job.fixed_seconds", job.fixed_seconds), ("device.watts", device.watts),
        ("device.usd_per_hour", device.usd_per_hour or 0.0), ("device.memory_bytes", device.memory_bytes),
        ("device.peak_flop_per_second", device.peak_flop_per_second),
        ("device.calibrated_flop_per_second", device.calibrated_flop_per_second),
    ):  # fmt: skip
        if not (isfinite(value) and value >= 0):
            raise InputError(field, value, "a finite number of at least 0")
    if device.num_devices < 1:
        raise InputError("device.num_devices", device.num_devices, "at least 1")
    draws, rate, source = _rate(file)
    flop = job.tokens * job.flop_per_token
    if not isfinite(flop):
        raise InputError("job.tokens x job.flop_per_token", flop, "a finite number")
    seconds = job.fixed_seconds + flop / (draws * device.num_devices)
    hours = seconds * device.num_devices / 3600.0
    memory = None
    if job.memory_bytes:
        memory = interval_of(job.memory_bytes * np.exp(0.04 * normal_draws("memory")))
    kwh = hours * device.watts / 1000.0
    return {
        "kind": job.kind,
        "device": device.name,
        "flop": flop,
        "seconds": interval_of(seconds).to_dict(),
        "device_hours": interval_of(hours).to_dict(),
        "memory_bytes": memory.to_dict() if memory else None,
        "fits": None if not (memory and device.memory_bytes) else memory.p50 <= device.memory_bytes,
        "energy_kwh": interval_of(kwh).to_dict() if device.watts else None,
        "cost_usd": _money(hours, device.usd_per_hour),
        "assumptions": [
            {"name": "flop_per_second", "value": rate, "unit": "FLOP / s / device", "source": source},
            {
                "name": "power",
                "value": device.watts or None,
                "unit": "W",
                "source": "at the wall, working; no cooling added",
            },
        ],
    }


def _money(hours: Any, usd_per_hour: float | None) -> dict[str, float] | None:
    if usd_per_hour is None:
        return None
    return interval_of(hours * usd_per_hour).to_dict()


def _rate(file: QuoteFile) -> tuple[Any, float, str]:
    """Draws of FLOP per second and device, the central rate, and where they come from."""
    device = file.device
    if device.calibrated_flop_per_second > 0:
        rate, sd, source = device.calibrated_flop_per_second, 0.13, "the device's calibration"
    elif device.peak_flop_per_second > 0:
        rate, sd, source = device.peak_flop_per_second / 3.0, 0.45, "a third of the peak: not calibrated"
    else:
        raise InputError("device.calibrated_flop_per_second", 0, "given, or device.peak_flop_per_second")
    jobs = [
        JobObservation(
            ratio=p.ratio,
            finished=p.state in ("succeeded", "stopped"),
            device=p.device or device.name,
            kind=p.kind or file.job.kind,
        )
        for p in file.past
    ]
    if jobs:
        source += ", moved by one job of the team" if len(jobs) == 1 else f", moved by {len(jobs)} jobs of the team"
    sd = device.rate_spread or sd
    prior = RatioPrior(spread=LogNormal(0.0, sd), noise_sigma=device.job_spread or STEP_SPREAD.value)
    posterior = ratio_posterior(prior, jobs, device=device.name, kind=file.job.kind)
    draws = rate / posterior.ppf((np.arange(2000) + 0.5) / 2000)
    return draws, float(np.median(draws)), source


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", help="a JSON file with job, device and past (see the documentation)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the file and quote."""
    return quote(read_json(arguments.file, field="file"))


def explain(result: dict[str, Any]) -> list[str]:
    """Write the formula with its numbers."""
    rate = result["assumptions"][0]["value"]
    return [f"seconds = fixed + {result['flop']:.4g} FLOP / {rate:.4g} FLOP/s = {result['seconds']['p50']:.4g} s"]
