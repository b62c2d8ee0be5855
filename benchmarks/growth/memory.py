"""Memory of a training step over the model's parameters: what its process holds at most, less what it held before."""

from __future__ import annotations

import resource
import subprocess
import sys

from benchmarks.growth.fit import grow
from benchmarks.growth.training import TOKENS, VOCAB_SIZE, parameters


def peak_bytes(width: int) -> float:
    """Return what a process of its own held, at most, in two steps with AdamW."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth.memory", str(width)], check=True, capture_output=True, text=True
    )
    return float(answer.stdout)


def measure(width: int, *, length: int = 128) -> float:
    import torch

    from trainer.models.gpt.model import GPT
    from trainer.models.gpt.spec import GPTSpec
    from trainer.models.next_token import next_token_loss

    torch.set_num_threads(1)
    before = held_bytes()
    spec = GPTSpec(form="classic", num_layers=4, model_width=width, num_heads=width // 32, context_length=length)
    model = GPT(spec, vocab_size=VOCAB_SIZE)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    tokens = torch.randint(VOCAB_SIZE, (TOKENS // length, length))
    for _ in range(2):
        next_token_loss(model.hidden(tokens), model.output_weight, tokens).backward()
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
