"""Change batch, context or threads, and the quote moves as real short runs do: in sign and in size.

With one thread a step takes, on a free machine, the processor time that it takes on any: that is measured, as the
difference of a longer and a shorter run, so that what else the machine does falls out. Two threads are timed by the
clock, and only while two cores are free.
"""

from __future__ import annotations

import subprocess
import sys
import time
from math import log
from pathlib import Path
from typing import Any, cast

import pytest

from tests.trainer.conftest import make_documents, metric, run_job, train_dict, write_version
from trainer.events import Finished
from trainer.spec import TrainSpec, spec_from_dict
from webapp.runs.step_speed import step_speed
from webapp.runs.taught_step import step_model_of

pytestmark = pytest.mark.long
SHORT, LONG, VOCABULARY = 3, 11, 320
NUM_THREADS = 2
MODEL = {"num_layers": 4, "model_width": 192, "num_heads": 6, "context_length": 256}
BASE: dict[str, Any] = {
    "model": MODEL, "batch": {"sequence_length": 128, "sequences_per_step": 8},
    "machine": {"device": "cpu", "dtype": "float32", "compile": "off", "num_threads": 1},
}  # fmt: skip
TOLERANCE = 0.35
"""Of the logarithm: a change of a factor of 4 is told as one between 2.5 and 6.5."""

PAIRS = {
    "batch": ({"sequences_per_step": 4}, {"sequences_per_step": 16}),
    "context": ({"sequence_length": 64}, {"sequence_length": 256}),
    "threads": ({"num_threads": NUM_THREADS}, {"num_threads": 1}),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_version(tmp_path_factory.mktemp("prepared") / "version", make_documents(1_200))


def calibration(folder: Path, *, num_threads: int) -> dict[str, Any]:
    """Measure this machine as its quotes have it."""
    events = run_job(folder, {"kind": "calibrate", "seconds": 6.0, "num_threads": num_threads, "device": "cpu"})
    return cast(Finished, events[-1]).result


def spec_of(version: Path, change: dict[str, int], *, num_steps: int = LONG) -> dict[str, Any]:
    parts = {
        part: {**BASE[part], **{name: value for name, value in change.items() if name in names}}
        for part, names in (("batch", ("sequences_per_step", "sequence_length")), ("machine", ("num_threads",)))
    }
    schedule = {"num_steps": num_steps, "warmup_steps": 1}
    once = {"every_steps": 1_000, "max_batches": 1, "sample_tokens": 0}
    return train_dict(
        version, model=MODEL, schedule=schedule, evaluation=once, checkpoint={"every_steps": 1_000}, **parts
    )


def processor_seconds(folder: Path, version: Path, change: dict[str, int]) -> float:
    """Return the processor time of one step of a real run on one thread."""
    taken = {}
    for num_steps in (SHORT, LONG):
        begin = time.process_time()
        run_job(folder / str(num_steps), spec_of(version, change, num_steps=num_steps))
        taken[num_steps] = time.process_time() - begin
    return (taken[LONG] - taken[SHORT]) / (LONG - SHORT)


def clock_seconds(folder: Path, version: Path, change: dict[str, int]) -> float:
    """Return the quickest step of a real run, its first steps left out."""
    times = list(metric(run_job(folder, spec_of(version, change)), "time/seconds").values())
    return min(cast(list[float], times[2:]))


def has_free_cores(num_cores: int) -> bool:
    """Say whether so many busy processes get nearly all of a core each."""
    loop = (
        "import time; a=time.perf_counter(); b=time.process_time()\n"
        "while time.process_time() - b < 0.3: pass\n"
        "print(0.3 / (time.perf_counter() - a))"
    )
    busy = [subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE, text=True) for _ in range(num_cores)]
    return min(float(process.communicate()[0]) for process in busy) > 0.85


def quoted(name: str, version: Path, folder: Path) -> float:
    """Return the logarithm of how much longer the second run's step is quoted to take."""
    specs = [cast(TrainSpec, spec_from_dict(spec_of(version, change))[1]) for change in PAIRS[name]]
    machine = calibration(folder / "calibration", num_threads=max(spec.machine.num_threads for spec in specs))
    found = [step_speed(spec, step_model_of(spec, {"vocab_size": VOCABULARY}), machine) for spec in specs]  # type: ignore[arg-type]
    return log(found[1].seconds / found[0].seconds)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["batch", "context"])
def test_the_quote_moves_as_the_measured_run(name: str, prepared: Path, tmp_path: Path) -> None:
    told = quoted(name, prepared, tmp_path)
    taken = [processor_seconds(tmp_path / f"run-{n}", prepared, change) for n, change in enumerate(PAIRS[name])]
    measured = log(taken[1] / taken[0])
    assert measured > 0.1, f"{name}: the runs took {taken}"
    assert told == pytest.approx(measured, abs=TOLERANCE)


def test_the_quote_moves_with_the_threads(prepared: Path, tmp_path: Path) -> None:
    deadline = time.monotonic() + 120
    while not has_free_cores(NUM_THREADS):
        if time.monotonic() > deadline:
            pytest.fail("no two cores were free for two minutes, so nothing was measured; run this on a quiet machine")
        time.sleep(2)
    told = quoted("threads", prepared, tmp_path)
    taken = [
        min(clock_seconds(tmp_path / f"{turn}-{n}", prepared, change) for turn in range(2))
        for n, change in enumerate(PAIRS["threads"])
    ]
    measured = log(taken[1] / taken[0])
    assert measured > 0.1, f"the runs took {taken}"
    assert told == pytest.approx(measured, abs=TOLERANCE)
