"""Decides once how a run uses the machine, and says why. What was decided is stored with the run and reused on resume."""

from __future__ import annotations

import ctypes
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from trainer.cores import usable_cores
from trainer.dtypes import dtype_on_processor, is_worth_halving
from trainer.errors import SpecError
from trainer.models.products import has_onednn, onednn_product
from trainer.sections import Dtype, MachineSpec, Products

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""As <malloc.h> numbers them."""

PROBE_WIDTH, PROBE_ROUNDS = 768, 8
LAYER_PROBE = 1024, 256, 1024
"""Rows, inputs and outputs of the linear layer by which two libraries are compared."""

ONEDNN_PAYS_FROM_PARAMETERS = 1_000_000
ONEDNN_PAYS_FROM_SPEEDUP = 1.05
# What compiling was seen to take and to give: a fraction of each step, for a wait at the start.
COMPILE_SECONDS = {"cpu": 45.0, "cuda": 60.0}
COMPILE_SAVES_FRACTION = {"cpu": 0.2, "cuda": 0.3}
COMPILE_MUST_SAVE = 3.0
"""Compile only where the saving is so many times the wait, for both are estimates."""


def resolve_device(wanted: str, *, attempt_device: str = "auto") -> tuple[str, str]:
    """Return the device and why. The attempt's own choice, made by whoever runs it, comes first."""
    chosen = attempt_device if attempt_device != "auto" else wanted
    if chosen == "auto":
        if torch.cuda.is_available():
            return "cuda", f"a CUDA device is here: {torch.cuda.get_device_name()}"
        if torch.backends.mps.is_available():
            return "mps", "no CUDA device; this Mac's own graphics processor is used"
        return "cpu", "no CUDA or MPS device is here"
    if not is_here(chosen):
        raise SpecError(f"machine.device is {chosen}, which this machine does not have; use auto or cpu")
    return chosen, "chosen for this attempt" if attempt_device != "auto" else "chosen in the spec"


def is_here(device: str) -> bool:
    """Say whether this machine has such a device."""
    kind, _, number = device.partition(":")
    if kind == "cuda":
        return int(number or 0) < torch.cuda.device_count()
    return kind == "cpu" or (kind == "mps" and torch.backends.mps.is_available())


def resolve_machine(
    spec: MachineSpec, *, device: str, device_reason: str, num_parameters: int
) -> tuple[MachineSpec, dict[str, str]]:
    """Return the spec with device, dtype and threads decided, and the reasons. `compile` is left to `decide_compile`."""
    reasons = {"device": device_reason}
    dtype: Dtype = spec.dtype
    if dtype == "auto":
        dtype, reasons["dtype"] = choose_dtype(device, num_parameters)
    if dtype == "float16" and not device.startswith("cuda"):
        raise SpecError(
            f"machine.dtype is float16, which needs a CUDA device and here is {device}; use bfloat16 or float32"
        )
    products = spec.float32_products
    if products in ("onednn", "both") and not (device == "cpu" and has_onednn()):
        raise SpecError(f"machine.float32_products is {products}, and {device} has no oneDNN here; use auto or torch")
    if products == "auto":
        products, why = choose_products(device, dtype, num_parameters)
        reasons |= {"float32_products": why} if why else {}
    threads = spec.num_threads
    if not threads:
        threads = usable_cores()
        reasons["num_threads"] = f"all {threads} cores that this process may use"
    return replace(spec, device=device, dtype=dtype, float32_products=products, num_threads=threads), reasons


def choose_dtype(device: str, num_parameters: int) -> tuple[Dtype, str]:
    """Return the number format for matrix products, and why."""
    if device.startswith("cuda"):
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16", "this graphics processor multiplies bfloat16 faster than float32"
        return "float16", "this graphics processor has no bfloat16; float16 with a scaled loss is used"
    if device == "mps":
        return "float32", "bfloat16 brings nothing on this kind of device"
    return dtype_on_processor(num_parameters, bfloat16_speedup() if is_worth_halving(num_parameters) else None)


def choose_products(device: str, dtype: Dtype, num_parameters: int) -> tuple[Products, str]:
    """Return what multiplies float32 matrices, and why; no reason where there is nothing to choose."""
    if device != "cpu" or dtype != "float32" or not has_onednn() or num_parameters < ONEDNN_PAYS_FROM_PARAMETERS:
        return "torch", ""
    layers, gradients = onednn_speedups()
    measured = f"oneDNN was measured {layers:.2f} times as fast in layers and {gradients:.2f} in gradients of weights"
    if layers < ONEDNN_PAYS_FROM_SPEEDUP:
        return "torch", measured
    return ("both" if gradients < ONEDNN_PAYS_FROM_SPEEDUP else "onednn"), measured


def onednn_speedups() -> tuple[float, float]:
    """Return how many times as fast oneDNN multiplies float32 matrices as the library that torch was built with: those of a
    linear layer and of the gradient of its input, and those of the gradient of its weights."""
    num_rows, inputs, outputs = LAYER_PROBE
    x, weight, gradient = (torch.ones(*sizes) for sizes in ((num_rows, inputs), (outputs, inputs), (num_rows, outputs)))
    by_torch, by_onednn, by_torch_back, by_onednn_back = best_seconds(
        lambda: (x @ weight.T, gradient @ weight),
        lambda: (onednn_product(x, weight), onednn_product(gradient, weight.T)),
        lambda: gradient.T @ x,
        lambda: onednn_product(gradient.T, x.T),
    )
    return by_torch / by_onednn, by_torch_back / by_onednn_back


def multiplies_bfloat16() -> bool:
    """Say whether the processor has instructions for bfloat16."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def bfloat16_speedup() -> float | None:
    """Return how many times as fast this processor multiplies matrices in bfloat16 as in float32: having the
    instructions is not enough, and without them it is None."""
    if not multiplies_bfloat16():
        return None
    wide, half = (torch.ones(PROBE_WIDTH, PROBE_WIDTH, dtype=dtype) for dtype in (torch.float32, torch.bfloat16))
    by_wide, by_half = best_seconds(lambda: torch.mm(wide, wide), lambda: torch.mm(half, half))
    return by_wide / by_half


def best_seconds(*works: Callable[[], Any]) -> list[float]:
    """Return what each takes at best, of several times in turn. One thread by its own clock: a run and the calibration that
    its quote is made of choose the same, whatever else the machine does."""
    best = [float("inf")] * len(works)
    clock, num_threads = unhindered_clock("cpu"), torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(PROBE_ROUNDS):
        for place, work in enumerate(works):
            begin = clock()
            work()
            best[place] = min(best[place], clock() - begin)
    torch.set_num_threads(num_threads)
    return best


def decide_compile(
    machine: MachineSpec, *, num_steps: int, trial_step: Callable[[], None], known_seconds: float | None = None
) -> tuple[MachineSpec, dict[str, str]]:
    """Return the spec with `compile` decided. `trial_step` does one step's work and leaves no trace; `known_seconds` is
    what the start of such a run took here before."""
    kind = machine.device.split(":")[0]
    missing = missing_compiler(kind)
    if machine.compile == "on" and missing:
        return replace(machine, compile="off"), {"compile": f"off though asked for: {missing}"}
    if machine.compile != "auto":
        return machine, {}
    if missing:
        return replace(machine, compile="off"), {"compile": f"off: {missing}"}
    seconds = timed_step(trial_step, machine.device, clock=unhindered_clock(kind)) * num_steps
    saves = seconds * COMPILE_SAVES_FRACTION[kind]
    costs = COMPILE_SECONDS[kind] if known_seconds is None else min(known_seconds, COMPILE_SECONDS[kind])
    pays = saves > COMPILE_MUST_SAVE * costs
    start = "at the start" if known_seconds is None else "at the start, as this shape was compiled here before"
    sentence = (
        f"{'on' if pays else 'off'}: of about {duration(seconds)} it would save about {duration(saves)}, "
        f"and it costs about {duration(costs)} {start}"
    )
    return replace(machine, compile="on" if pays else "off"), {"compile": sentence}


def missing_compiler(kind: str) -> str | None:
    """Return why torch.compile cannot work here, if it cannot."""
    if kind not in COMPILE_SECONDS:
        return f"torch.compile is not used on {kind}"
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++")):
        return "there is no C++ compiler on this machine"
    if kind == "cuda":
        try:
            import triton  # noqa: F401
        except ImportError:
            return "triton is not installed"
    return None


def timed_step(trial_step: Callable[[], None], device: str, *, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds of a step, after one to warm up."""
    seconds = 0.0
    for _ in range(2):
        begin = clock()
        trial_step()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        seconds = clock() - begin
    return seconds


def unhindered_clock(kind: str) -> Callable[[], float]:
    """Return a clock that other programs do not hold up: on a processor what the calling thread computes, which has its
    part in all that threads do together. What others keep it waiting for may be over before the run is."""
    return time.thread_time if kind == "cpu" else time.perf_counter


def apply_machine(machine: MachineSpec, *, num_processes: int = 1) -> dict[str, str]:
    """Set torch up as decided; before the first tensor is made. Processes that share a run share its threads. Return why
    for what was set up and is no setting."""
    torch.set_num_threads(max(1, machine.num_threads // num_processes))
    reasons = {}
    if machine.device == "cpu" and keep_freed_memory():
        reasons["freed_memory"] = "kept for what comes next: the system would fill it with zeros again for each step"
    if machine.device.startswith("cuda"):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats its bits only with this
        torch.cuda.set_device(machine.device if ":" in machine.device else "cuda:0")
        torch.set_float32_matmul_precision("high")
    torch.use_deterministic_algorithms(machine.deterministic, warn_only=not machine.device.startswith("cpu"))
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return reasons


def layout_of(model: nn.Module) -> dict[str, str]:
    """Return how pictures lie in memory, where the model's kernels lie so that channels come last."""
    kernels = [weight for weight in model.parameters() if weight.dim() == 4 and weight.size(1) > 1 < weight.size(2)]
    if not kernels or not all(weight.is_contiguous(memory_format=torch.channels_last) for weight in kernels):
        return {}
    return {"layout": "channels last, as convolutions read pictures fastest"}


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed for what comes next, and say whether it can: glibc would give large pieces back
    to the system, which fills them with zeros again for the next step. Measured with `THP_MEM_ALLOC_ENABLE=1` in a GPT of
    6 million parameters: none instead of 7,000 page faults a step, and a tenth more tokens per second."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 2**30) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
