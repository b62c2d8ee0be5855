"""What is decided for a machine, and the reasons that people read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import trainer.training.machine as machine_module
from trainer.errors import SpecError
from trainer.events import Message
from trainer.folder import AttemptSpec
from trainer.sections import MachineSpec
from trainer.spec import spec_from_dict
from trainer.training.compile_cache import begin, known_seconds, remember
from trainer.training.job import machine_on_resume
from trainer.training.machine import (
    bfloat16_speedup,
    choose_dtype,
    choose_products,
    decide_compile,
    duration,
    multiplies_bfloat16,
    onednn_speedups,
    resolve_device,
    resolve_machine,
    timed_step,
    unhindered_clock,
)

CPU = MachineSpec(device="cpu", dtype="float32", num_threads=1)


def test_the_attempts_device_comes_before_the_specs() -> None:
    assert resolve_device("cuda", attempt_device="cpu") == ("cpu", "chosen for this attempt")
    assert resolve_device("cpu") == ("cpu", "chosen in the spec")
    assert resolve_device("auto")[0] in ("cpu", "cuda", "mps")


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(SpecError, match=r"machine.device is cuda:99, which this machine does not have"):
        resolve_device("cuda:99")


def test_nothing_is_left_at_auto_and_every_choice_has_its_reason() -> None:
    found, reasons = resolve_machine(MachineSpec(), device="cpu", device_reason="why", num_parameters=1_000)
    assert "auto" not in (found.device, found.dtype, found.float32_products)
    assert found.num_threads >= 1
    assert reasons.keys() == {"device", "dtype", "num_threads"}


def test_what_was_chosen_stays() -> None:
    spec = MachineSpec(dtype="bfloat16", num_threads=3)
    found, _ = resolve_machine(spec, device="cpu", device_reason="", num_parameters=1)
    assert (found.dtype, found.num_threads) == ("bfloat16", 3)


@pytest.mark.parametrize(("speedup", "dtype"), [(4.7, "bfloat16"), (1.2, "float32"), (0.7, "float32")])
def test_bfloat16_is_used_where_it_was_measured_to_pay(
    monkeypatch: pytest.MonkeyPatch, speedup: float, dtype: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(machine_module, "bfloat16_speedup", lambda: speedup)
    found, reason = choose_dtype("cpu", 50_000_000)
    assert found == dtype
    assert f"measured {speedup} times as fast" in reason
    assert choose_dtype("cpu", 1_000)[0] == "float32"


@pytest.mark.parametrize(
    ("speedups", "choice"),
    [((2.1, 1.9), "onednn"), ((1.2, 0.8), "both"), ((1.0, 0.6), "torch"), ((0.9, 1.5), "torch")],
)
def test_onednn_multiplies_what_it_was_measured_to_be_faster_at(
    monkeypatch: pytest.MonkeyPatch, speedups: tuple[float, float], choice: str
) -> None:
    monkeypatch.setattr(machine_module, "onednn_speedups", lambda: speedups)
    monkeypatch.setattr(machine_module, "has_onednn", lambda: True)
    spec = MachineSpec(dtype="float32", num_threads=1)
    found, reasons = resolve_machine(spec, device="cpu", device_reason="", num_parameters=5_000_000)
    assert found.float32_products == choice
    assert f"{speedups[0]:.2f} times as fast in layers" in reasons["float32_products"]


def test_where_there_is_nothing_to_choose_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> tuple[float, float]:
        raise AssertionError("nothing should be measured")

    monkeypatch.setattr(machine_module, "onednn_speedups", never)
    assert choose_products("cuda:0", "float32", 5_000_000) == ("torch", "")
    assert choose_products("cpu", "bfloat16", 5_000_000) == ("torch", "")
    assert choose_products("cpu", "float32", 900_000) == ("torch", "")


def test_onednn_is_measured_in_a_moment() -> None:
    begin = time.thread_time()
    assert all(0.05 < speedup < 20 for speedup in onednn_speedups())
    assert time.thread_time() - begin < 2


def test_onednn_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "has_onednn", lambda: False)
    spec = MachineSpec(float32_products="both")
    with pytest.raises(SpecError, match="float32_products is both, and cpu has no oneDNN here; use auto or torch"):
        resolve_machine(spec, device="cpu", device_reason="", num_parameters=1)


def test_float16_needs_a_cuda_device() -> None:
    with pytest.raises(SpecError, match="float16, which needs a CUDA device and here is cpu; use bfloat16 or float32"):
        resolve_machine(MachineSpec(dtype="float16"), device="cpu", device_reason="", num_parameters=1)


def test_a_trial_step_takes_what_it_computes_and_not_what_others_keep_it_waiting_for() -> None:
    def step() -> None:
        time.sleep(0.3)

    assert timed_step(step, "cpu") >= 0.3
    assert timed_step(step, "cpu", clock=unhindered_clock("cpu")) < 0.1
    _, reasons = decide_compile(MachineSpec(device="cpu"), num_steps=100_000, trial_step=step)
    assert reasons["compile"].startswith("off")


def test_compiling_is_off_with_a_reason_where_there_is_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    for wanted in ("auto", "on"):
        spec = MachineSpec(device="cpu", compile=wanted)  # type: ignore[arg-type]
        found, reasons = decide_compile(spec, num_steps=10**9, trial_step=lambda: None)
        assert found.compile == "off"
        assert "there is no C++ compiler on this machine" in reasons["compile"]


@pytest.mark.parametrize(("num_steps", "choice"), [(100, "off"), (1_000_000, "on")])
def test_compiling_is_on_only_where_the_run_is_long_enough(
    monkeypatch: pytest.MonkeyPatch, num_steps: int, choice: str
) -> None:
    monkeypatch.setattr(machine_module, "missing_compiler", lambda _: None)
    monkeypatch.setattr(machine_module, "timed_step", lambda *_, **__: 0.1)
    found, reasons = decide_compile(CPU, num_steps=num_steps, trial_step=lambda: None)
    assert found.compile == choice
    assert reasons["compile"].startswith(f"{choice}: of about")


def test_what_the_user_said_of_compiling_is_not_tried() -> None:
    def never() -> None:
        raise AssertionError("no step should be tried")

    spec = MachineSpec(device="cpu", compile="off")
    assert decide_compile(spec, num_steps=10**9, trial_step=never) == (spec, {})


@pytest.mark.parametrize(("seconds", "text"), [(12.4, "12 s"), (150, "2 min"), (9_000, "2.5 h")])
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_run_that_goes_on_elsewhere_decides_anew_and_says_so() -> None:
    """A run that began on a CUDA device in float16 is told to go on on a processor."""

    class Context:
        attempt_spec = AttemptSpec(fence=2, device="cpu")

        def __init__(self) -> None:
            self.events: list[Message] = []
            self.emit = self.events.append

    raw = {"kind": "train", "family": "gpt", "model": {}, "data": {"path": "x"}, "machine": {"num_threads": 3}}
    _, spec = spec_from_dict(raw)
    context, before = Context(), MachineSpec(device="cuda:0", dtype="float16", num_threads=8)
    found = machine_on_resume(before, spec, context)  # type: ignore[arg-type]
    assert (found.device, found.dtype, found.num_threads) == ("auto", "auto", 3)
    assert "began on cuda and goes on on cpu" in context.events[0].text
    same = machine_on_resume(MachineSpec(device="cpu", num_threads=8), spec, Context())  # type: ignore[arg-type]
    assert (same.num_threads, same.float32_products) == (8, "torch")  # as runs multiplied before there was a choice


def test_a_shape_that_was_compiled_here_before_pays_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "missing_compiler", lambda _: None)
    monkeypatch.setattr(machine_module, "timed_step", lambda *_, **__: 0.5)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    raw = {"kind": "train", "family": "gpt", "model": {}, "data": {"path": "x"}}
    _, spec = spec_from_dict(raw)
    _, other = spec_from_dict({**raw, "batch": {"sequences_per_step": 4}})
    assert known_seconds(spec, CPU) is None
    begin()
    remember(spec, CPU, seconds=4.0)
    assert (known_seconds(spec, CPU), known_seconds(other, CPU)) == (4.0, None)
    for seconds, choice in ((None, "off"), (known_seconds(spec, CPU), "on")):
        found, reasons = decide_compile(CPU, num_steps=150, trial_step=lambda: None, known_seconds=seconds)
        assert found.compile == choice
    assert "costs about 4 s at the start, as this shape was compiled here before" in reasons["compile"]


def test_programs_of_a_start_that_was_killed_are_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    begin()
    half = tmp_path / "half.so"
    half.touch()
    begin()
    assert half.exists(), "this process is alive"
    mark = next(tmp_path.rglob(f"compiling-{os.getpid()}"))
    ended = subprocess.Popen(["true"])
    ended.wait()
    mark.rename(mark.with_name(f"compiling-{ended.pid}"))
    begin()
    assert not half.exists()


FREED_AND_TAKEN = """
import resource, torch
from trainer.training.machine import keep_freed_memory

keep_freed_memory()
for _ in range(20):  # made and let go, until there is a piece that large
    torch.ones(2**26)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    torch.ones(2**26)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_memory_that_was_freed_is_not_filled_with_zeros_again() -> None:
    """In a process of its own, as a trainer is: what a long one holds already may stand in the way."""
    told = subprocess.run([sys.executable, "-c", FREED_AND_TAKEN], check=True, capture_output=True, text=True)
    assert int(told.stdout) < 1_000, "256 MiB are 65,536 pages"


def test_how_much_faster_bfloat16_is_is_asked_of_one_thread_and_the_others_are_there_after() -> None:
    before = torch.get_num_threads()
    speedup = bfloat16_speedup()
    assert torch.get_num_threads() == before
    assert (speedup is None) != multiplies_bfloat16()
