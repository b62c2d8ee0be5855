"""Memory of a training step over the model's parameters: what its process holds at most, less what it held before."""

from __future__ import annotations

import resource
import subprocess
import sys

import torch

from benchmarks.growth.fit import grow
from benchmarks.growth.training import learn, model_of, parameters

LENGTH = 128


def peak_bytes(width: int) -> float:
    """Return what a process of its own held, at most, in two steps with AdamW."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth.memory", str(width)], check=True, capture_output=True, text=True
    )
    return float(answer.stdout)


def measure(width: int) -> float:
    """Return the same of this process, which has PyTorch loaded and nothing of a model."""
    before = held_bytes()
    model = model_of(width=width, length=LENGTH)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    for _ in range(2):
        learn(model, length=LENGTH)
        optimizer.step()
    return held_bytes() - before


def held_bytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def main() -> None:
    widths = {parameters(width): width for width in (256, 512, 768, 1_024)}
    grow(
        "memory_parameters",
        over="parameters in matrices",
        unit="bytes",
        sizes=list(widths),
        cost=lambda size: peak_bytes(widths[size]),
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(measure(int(sys.argv[1])))
    else:
        main()
