"""What a form of a model takes: bytes, and seconds for one question and for several at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

from trainer.inference.loading import LoadedModel
from trainer.inference.sampling import SamplingSpec

PROMPT_TOKENS, NEW_TOKENS = 32, 32
REPEATS = 9
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


def speeds_of(first: LoadedModel, second: LoadedModel) -> tuple[Speed, Speed]:
    """Return how fast two forms are, timed in turn: what slows the machine for a while slows both."""
    timings = [timings_of(each) for each in (first, second)]
    found: list[dict[str, float]] = [{}, {}]
    with torch.inference_mode():
        for name, time_first in timings[0].items():
            if (time_second := timings[1].get(name)) is not None:
                found[0][name], found[1][name] = in_turn(time_first, time_second)
    return speed_from(found[0]), speed_from(found[1])


def speed_from(seconds: dict[str, float]) -> Speed:
    return Speed(
        seconds_per_example=seconds.get("one"),
        examples_per_second=BATCH / seconds["many"] if "many" in seconds else None,
        seconds_per_token=seconds.get("token"),
    )


def timings_of(loaded: LoadedModel) -> dict[str, Callable[[], float]]:
    """Return what can be timed of a model, each a call that returns seconds; what its family has no form for is left out."""
    found: dict[str, Callable[[], float]] = {}
    if "generate" in loaded.task.abilities:
        found["token"] = partial(seconds_per_token, loaded)
    graph = loaded.task.graph(loaded.model)
    if graph is None:
        return found
    chance = torch.Generator().manual_seed(0)
    length = min(LENGTH, graph.longest)
    for name, rows in (("one", 1), ("many", BATCH)):
        inputs = tuple(each.to(loaded.device) for each in graph.make_inputs(rows, length, chance))
        found[name] = partial(seconds_of, graph.module, inputs)
    return found


def in_turn(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float]:
    """Return the median seconds of both, the first round of which is not counted."""
    rounds = [(first(), second()) for _ in range(REPEATS + 1)][1:]
    return median(a for a, _b in rounds), median(b for _a, b in rounds)


def seconds_of(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
    begun = time.perf_counter()
    module(*inputs)
    return time.perf_counter() - begun


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
