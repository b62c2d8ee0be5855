"""Memory of a training step over the model's parameters, its tokens and the length of its sequences: what its process
holds at most, less what it held before."""

from __future__ import annotations

import resource
import subprocess
import sys

import torch

from benchmarks.growth.fit import grow
from benchmarks.growth.training import TOKENS, learn, model_of, parameters

LENGTH, WIDTH = 128, 256


def peak_bytes(*, width: int = WIDTH, length: int = LENGTH, num_tokens: int = TOKENS) -> float:
    """Return what a process of its own held, at most, in two steps with AdamW."""
    sizes = [str(size) for size in (width, length, num_tokens)]
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth.memory", *sizes], check=True, capture_output=True, text=True
    )
    return float(answer.stdout)


def measure(width: int, length: int, num_tokens: int) -> float:
    """Return the same of this process, which has PyTorch loaded and nothing of a model."""
    before = held_bytes()
    model = model_of(width=width, length=length)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    for _ in range(2):
        learn(model, length=length, num_tokens=num_tokens)
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
        cost=lambda size: peak_bytes(width=widths[size]),
    )
    grow(
        "memory_tokens",
        over="tokens in a step, in sequences of 128",
        unit="bytes",
        sizes=[1_024, 2_048, 4_096, 8_192],
        cost=lambda num_tokens: peak_bytes(num_tokens=num_tokens),
    )
    grow(
        "memory_length",
        over="tokens in a sequence, the tokens of a step the same",
        unit="bytes",
        sizes=[128, 256, 512, 1_024],
        cost=lambda length: peak_bytes(length=length),
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(measure(*map(int, sys.argv[1:])))
    else:
        main()
