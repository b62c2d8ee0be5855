"""What a form of a model takes: bytes, and seconds for one question and for several at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from trainer.inference.loading import LoadedModel
from trainer.inference.sampling import SamplingSpec

PROMPT_TOKENS, NEW_TOKENS = 32, 32
REPEATS = 5
BATCH = 16
LENGTH = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Medians of a few repeats on this machine, in this process."""

    seconds_per_example: float | None = None
    """One example by itself: for models of text of up to 64 tokens."""

    examples_per_second: float | None = None
    """Sixteen at once."""

    seconds_per_token: float | None = None
    """Models that write: one token after the other, for one reader."""


def resident_bytes(loaded: LoadedModel) -> int:
    """Return the bytes of the weights in memory."""
    return sum(tensor.numel() * tensor.element_size() for tensor in loaded.model.state_dict().values())


def counts_of(loaded: LoadedModel) -> dict[str, int]:
    """Return how many weights there are, and how many of them are zero: what pruning by magnitude leaves behind."""
    weights = list(loaded.model.parameters())
    return {
        "num_parameters": sum(weight.numel() for weight in weights),
        "num_zero": sum(int((weight == 0).sum()) for weight in weights if weight.dim() > 1),
    }


def speed_of(loaded: LoadedModel) -> Speed:
    """Return how fast the model is; what its family has no form for stays unknown."""
    per_token = seconds_per_token(loaded) if "generate" in loaded.task.abilities else None
    graph = loaded.task.graph(loaded.model)
    if graph is None:
        return Speed(seconds_per_token=per_token)
    chance = torch.Generator().manual_seed(0)
    length = min(LENGTH, graph.longest)
    one, many = (
        tuple(each.to(loaded.device) for each in graph.make_inputs(rows, length, chance)) for rows in (1, BATCH)
    )
    with torch.inference_mode():
        return Speed(
            seconds_per_example=timed(lambda: graph.module(*one)),
            examples_per_second=BATCH / timed(lambda: graph.module(*many)),
            seconds_per_token=per_token,
        )


@torch.inference_mode()
def seconds_per_token(loaded: LoadedModel) -> float:
    """Return the median seconds of one more token behind a prompt that has been read."""
    context = loaded.language_model.context_length
    prompt = min(PROMPT_TOKENS, context // 2)
    settings = SamplingSpec(num_tokens=min(NEW_TOKENS, context - prompt), temperature=0)
    written = loaded.batch.write([loaded.task.assets.tokenizer.end_of_text_id] * prompt, settings)
    found = []
    next(written)
    begun = time.perf_counter()
    for _ in written:
        found.append(time.perf_counter() - begun)
        begun = time.perf_counter()
    return median(found)


def timed(call: Callable[[], object]) -> float:
    """Return the median seconds of a call, one that is not counted first."""
    call()
    found = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return median(found)
