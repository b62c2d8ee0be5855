"""Which accelerators this machine offers, found without loading torch into the supervisor."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess


def accelerators() -> list[dict[str, str]]:
    """Return one set of environment variables a device: each GPU worker sees its own device alone."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        chosen = [part.strip() for part in os.environ["CUDA_VISIBLE_DEVICES"].split(",")]
        return [{"CUDA_VISIBLE_DEVICES": part} for part in chosen if part and part != "-1"]
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return [{"ISOCOST_DEVICE": "mps"}]
    return [{"CUDA_VISIBLE_DEVICES": str(index)} for index in range(_num_nvidia())]


def _num_nvidia() -> int:
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        found = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in found.stdout.splitlines()) if found.returncode == 0 else 0
