"""A sweep on this machine, one run after the other, in a folder that says all: what was tried goes on where it ended.

<folder>/sweep.csv          one row a trial: its values, how it ended, its best measure, its seconds
<folder>/trials/<number>/   the job folder of each
"""

from __future__ import annotations

import csv
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from trainer.events import AnyEvent, Failed, Metrics, Stopped
from trainer.families import Family, get_family
from trainer.folder import AttemptSpec, JobFolder
from trainer.run import start_attempt
from trainer.spec import TrainSpec, encode_spec
from trainer.sweep.halving import Curve, to_stop
from trainer.sweep.samplers import Tried, next_values
from trainer.sweep.space import Setting, SweepRefused, spec_with

TABLE, TRIALS = "sweep.csv", "trials"
RUNGS = (1 / 9, 1 / 3)
"""Of the steps of a run, where halving compares."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalSweep:
    base: Mapping[str, Any]
    """The spec that every run starts from, in plain form."""

    space: Sequence[Setting]
    method: str = "random"
    max_trials: int = 20
    max_seconds: float = float("inf")
    """No run is begun that would end beyond, were it as long as those before."""

    keep_one_in: int = 0
    """Successive halving: the share of the runs that goes on at each rung; 0: all run to their end."""

    device: str = "auto"
    seed: int = 1


@dataclass(kw_only=True, slots=True)
class Trial:
    number: int
    values: dict[str, Any]
    end: str = ""
    """finished, stopped, fell, failed."""

    value: float | None = None
    seconds: float = 0.0
    curve: dict[int, float] = field(default_factory=dict)
    """Measure by step."""


def run_sweep(sweep: LocalSweep, folder: Path, *, on_trial: Callable[[Trial], None]) -> list[Trial]:
    """Do the runs that are left and return all trials; `on_trial` hears of each that ends."""
    family = get_family(str(sweep.base["family"]))
    trials = read_trials(folder, sweep.space)
    began = time.monotonic()
    while len(trials) < sweep.max_trials:
        usual = median([each.seconds for each in trials if each.end != "fell"] or [0.0])
        if time.monotonic() - began + usual > sweep.max_seconds:
            break
        tried = [Tried(values=each.values, result=each.value) for each in trials]
        values = next_values(
            sweep.method, sweep.space, tried, lower_is_better=family.lower_is_better, seed=sweep.seed
        )  # fmt: skip
        if values is None:
            break  # the grid is used up
        trial = Trial(number=len(trials) + 1, values=values)
        do_trial(sweep, family, trial, trials, folder)
        trials.append(trial)
        write_trials(folder, sweep.space, trials, metric=family.main_metric)
        on_trial(trial)
    return trials


def do_trial(sweep: LocalSweep, family: Family, trial: Trial, before: Sequence[Trial], folder: Path) -> None:
    """Do one run and take in what it says. Values that do not go together count as a trial that failed."""
    began = time.monotonic()
    try:
        spec = spec_with(sweep.base, trial.values)
    except SweepRefused as error:
        trial.end = f"failed: {error}"
        return
    rungs = [max(1, round(share * spec.schedule.num_steps)) for share in RUNGS] if sweep.keep_one_in else []

    def watch(event: AnyEvent) -> None:
        if not isinstance(event, Metrics) or family.main_metric not in event.values:
            return
        for step, value in zip(event.steps, event.values[family.main_metric], strict=True):
            if value is not None and isfinite(value):
                trial.curve[step] = value
        curves = [Curve(number=each.number, at_rung=at_rungs(each.curve, rungs)) for each in (*before, trial)]
        factor = max(sweep.keep_one_in, 2)
        if to_stop(curves, {trial.number}, factor=factor, lower_is_better=family.lower_is_better) and not trial.end:
            trial.end = "fell"
            signal.raise_signal(signal.SIGTERM)  # as a person would: it saves and ends

    last = start_attempt(trial_folder(folder, trial, spec, device=sweep.device), 1, on_event=watch)
    trial.seconds = time.monotonic() - began
    if isinstance(last, Failed):
        trial.end = f"failed: {last.sentence}"
    elif isinstance(last, Stopped) and trial.end != "fell":
        trial.end = "stopped"
        raise KeyboardInterrupt  # a person ended it
    trial.end = trial.end or "finished"
    best = min if family.lower_is_better else max
    trial.value = best(trial.curve.values(), default=None)


def at_rungs(curve: Mapping[int, float], rungs: Sequence[int]) -> dict[int, float]:
    """Return the last measure at or before each rung, once there is one at or beyond it."""
    reached = max(curve, default=-1)
    found = {rung: [curve[step] for step in sorted(curve) if step <= rung] for rung in rungs if reached >= rung}
    return {rung: values[-1] for rung, values in found.items() if values}


def trial_folder(folder: Path, trial: Trial, spec: TrainSpec, *, device: str) -> Path:
    """Write the job folder of a trial; what a broken-off one left there is moved out of the way."""
    place = folder / TRIALS / f"{trial.number:03d}"
    if place.exists():
        place.rename(place.with_name(f"{place.name}-broken-off-{time.time_ns()}"))
    place.mkdir(parents=True)
    job = JobFolder(place)
    job.spec.write_bytes(encode_spec("train", spec))
    job.attempt(1).write_spec(AttemptSpec(fence=1, device=device))
    return place


def write_trials(folder: Path, space: Sequence[Setting], trials: Sequence[Trial], *, metric: str) -> None:
    names = [setting.name for setting in space]
    with open(folder / TABLE, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", *names, "end", metric, "seconds", "curve"])
        for each in trials:
            values = [msgspec.json.encode(each.values[name]).decode() for name in names]
            value = "" if each.value is None else repr(each.value)
            curve = msgspec.json.encode({str(step): value for step, value in each.curve.items()}).decode()
            writer.writerow([each.number, *values, each.end, value, f"{each.seconds:.3f}", curve])


def read_trials(folder: Path, space: Sequence[Setting]) -> list[Trial]:
    """Return the trials that a folder holds; raise `SweepRefused` where they varied something else."""
    if not (folder / TABLE).is_file():
        return []
    names = [setting.name for setting in space]
    with open(folder / TABLE, encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    if header[1 : 1 + len(names)] != names or header[1 + len(names)] != "end":
        raise SweepRefused(
            f"{folder} holds a sweep over {', '.join(header[1:-4])}; vary the same, or choose another --out"
        )
    return [
        Trial(
            number=int(row[0]),
            values={name: msgspec.json.decode(text) for name, text in zip(names, row[1:], strict=False)},
            end=row[-4],
            value=float(row[-3]) if row[-3] else None,
            seconds=float(row[-2]),
            curve={int(step): value for step, value in msgspec.json.decode(row[-1], type=dict[str, float]).items()},
        )
        for row in rows
    ]
