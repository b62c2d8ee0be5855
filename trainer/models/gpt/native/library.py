"""Compiles step.cpp for this very processor, once, with the C++ compiler that the machine has; None where it has none.

`torch.compile` needs such a compiler too. The library lies in PyTorch's own cache of compiled programs under a name made
of the source, the compiler and the processor: another machine that shares the folder makes its own.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess  # nosec B404: runs the machine's own compiler on a file of this package
import tempfile
from functools import cache
from pathlib import Path

import torch
from torch._inductor.runtime.cache_dir_utils import cache_dir

FOLDER = Path(__file__).parent
FLAGS = ["-std=c++20", "-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"]
SWITCH = "ISOCOST_NATIVE"
"""An environment variable; 0 leaves the library out."""
SECONDS_TO_COMPILE = 120


@cache
def library() -> ctypes.CDLL | None:
    """Return the compiled step; None where it cannot be had, for whatever reason: the plain path serves as well."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None or os.environ.get(SWITCH) == "0":
        return None
    try:
        return ctypes.CDLL(str(compiled(compiler)))
    except (OSError, subprocess.SubprocessError):
        return None


def compiled(compiler: str) -> Path:
    """Return the library's file, made where it is not there yet; of two processes that make it, either may win."""
    sources = [path.read_text() for path in (FOLDER / "products.h", FOLDER / "step.cpp")]
    made_of = (*sources, *FLAGS, compiler, torch.__version__, platform.machine(), processor())
    name = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:24]
    path = Path(cache_dir()) / "isocost-native" / f"{name}.so"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / path.name
            command = [compiler, *FLAGS, str(FOLDER / "step.cpp"), "-o", str(made)]
            subprocess.run(command, check=True, capture_output=True, timeout=SECONDS_TO_COMPILE)  # nosec B603
            made.replace(path)
    return path


def processor() -> str:
    """Return what tells processors apart for a compiler that builds for the one it runs on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
