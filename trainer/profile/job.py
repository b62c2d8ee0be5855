"""The job kind `profile`: steps of a run traced by torch's profiler, from a checkpoint and on the run's own data.

The trace (`artifacts/trace.json.gz`) opens in Perfetto and in chrome://tracing. The result says where the time went, and
how far the step is from what the machine can do: its FLOP/s beside the rate of matrix products measured just before.
"""

from __future__ import annotations

import gzip
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from trainer.calibrate.machine import matmul_flop_per_second, memory_bytes_per_second
from trainer.calibrate.steps import counted_flop
from trainer.calibrate.timing import wait_for
from trainer.context import JobContext
from trainer.events import Artifact, Finished, Message, Progress, Stopped
from trainer.profile.parts import DATA_LABEL, seconds_by_part
from trainer.profile.roofline import under_the_roof
from trainer.profile.spec import ProfileSpec
from trainer.training import compile_cache
from trainer.training.beginning import load_weights
from trainer.training.checkpoint import StoredCheckpoint, verify_checkpoint
from trainer.training.job import begin_learning, make_setting
from trainer.training.loop import Loop
from trainer.training.machine import DTYPES
from trainer.training.own_data import open_checked

NUM_WARM_STEPS = 2
PROBE_SECONDS = 0.5
NUM_OPERATIONS = 15
"""The dearest ones, told by name."""


def run(spec: ProfileSpec, context: JobContext) -> Finished | Stopped:
    """Trace the steps; the weights that they change are thrown away."""
    stored = checkpoint_of(spec, context)
    train_spec = stored.spec()
    setting = make_setting(train_spec, context, open_checked(train_spec.data), stored.state(), stored)
    load_weights(setting, stored)
    begin_learning(setting, stored)
    context.started(device=setting.machine.device, versions={"torch": str(torch.__version__)})
    loop = Loop(setting, stored.state(), saved_step=None)
    loop.prepare()
    device = torch.device(setting.machine.device)
    make, seconds = loop.batch_maker(), list[float]()

    def step(number: int) -> None:
        with record_function(DATA_LABEL):
            batches = make(number)
        loop.accumulate(batches)
        setting.optimizer.step(0.0, setting.scaler)

    began = time.monotonic()
    for number in range(NUM_WARM_STEPS):
        step(number)
    if setting.machine.compile == "on":
        compile_cache.remember(train_spec, setting.machine, seconds=time.monotonic() - began)
    with profile(activities=activities(device), record_shapes=True, with_flops=True) as seen:
        for number in range(spec.num_steps):
            if context.should_stop():
                return Stopped(sentence="The profile was stopped; take it again to have one.")
            begin = time.perf_counter()
            step(NUM_WARM_STEPS + number)
            wait_for(device)
            seconds.append(time.perf_counter() - begin)
            context.emit(Progress(done=number + 1, total=spec.num_steps, phase="tracing"))
    tell_trace(seen, context)
    with torch.compiler.set_stance("force_eager"):  # compiled code hides its products from the counter
        flop = counted_flop(lambda: loop.accumulate(make(0)))
    return Finished(result=summary(seen, seconds, flop, DTYPES[setting.machine.dtype], device))


def checkpoint_of(spec: ProfileSpec, context: JobContext) -> StoredCheckpoint:
    """Return the checkpoint that the job names; where the run has put another in its place since, the newest there is."""
    others = [Path(path) for path in context.attempt_spec.resume_from]
    if not Path(spec.checkpoint).is_dir() and (there := next((path for path in others if path.is_dir()), None)):
        context.emit(
            Message(text=f"Traced from {there.name}: the run has removed checkpoint {Path(spec.checkpoint).name}.")
        )
        return verify_checkpoint(there)
    return verify_checkpoint(Path(spec.checkpoint), sha256=spec.sha256)


def activities(device: torch.device) -> list[ProfilerActivity]:
    return [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]


def tell_trace(seen: profile, context: JobContext) -> None:
    """Write the trace, packed, and tell of it."""
    path = context.attempt.artifacts / "trace.json.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_suffix("")
    seen.export_chrome_trace(str(plain))
    with plain.open("rb") as source, gzip.open(path, "wb") as target:
        shutil.copyfileobj(source, target)
    plain.unlink()
    context.emit(Artifact(name="trace", path=context.path_in_job(path), size_bytes=path.stat().st_size))


def summary(
    seen: profile, seconds: list[float], flop: float, dtype: torch.dtype, device: torch.device
) -> dict[str, Any]:
    """Return seconds of a step by part, the dearest operations, and the step beside the machine's measured limits."""
    on_device = device.type == "cuda"
    operations = [
        (each.key, (each.self_device_time_total if on_device else each.self_cpu_time_total) / 1e6 / len(seconds))
        for each in seen.key_averages()
    ]
    operations.sort(key=lambda each: -each[1])
    step_seconds = sorted(seconds)[len(seconds) // 2]
    peak = matmul_flop_per_second(dtype, device, budget_seconds=PROBE_SECONDS)
    return {
        "num_steps": len(seconds),
        "seconds_per_step": step_seconds,
        "seconds_by_part": seconds_by_part(operations),
        "operations": [{"name": name, "seconds": spent} for name, spent in operations[:NUM_OPERATIONS]],
        "under_the_roof": under_the_roof(
            seen.key_averages(group_by_input_shape=True),
            num_steps=len(seconds),
            element_bytes=dtype.itemsize,
            on_device=on_device,
        ),
        "flop_per_step": flop,
        "flop_per_second": flop / step_seconds,
        "peak_flop_per_second": peak,
        "peak_fraction": flop / step_seconds / peak,
        "memory_bytes_per_second": memory_bytes_per_second(device, budget_seconds=PROBE_SECONDS),
    }
