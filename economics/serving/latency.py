"""Latency under load: time to the first token and per token, when requests arrive at random.

A replica that serves one request answers at once. Under load a prompt waits for the step under way and for the prompts before
it, and every prompt that is read stretches the steps of those who are being answered. Both grow without limit as the load
nears what the replica can do, so targets of latency, not throughput, decide how many replicas it takes (`serving.fleet`).

Units: seconds, means over requests; requests per second. Range: within 15 % of the simulation (`serving.simulation`) up to
three quarters of the largest load. Left out: tails, bursts beyond random arrivals, prompts cut into chunks, and prefixes
that requests share.

Source: the formula of Pollaczek and Khinchine for waiting, Little's law for the batch.

>>> from economics.architecture.lookup import find_decoder
>>> from economics.catalogue.accelerators import find_accelerator
>>> plan = ServingPlan(decoder=find_decoder("llama-3.1-8b")[0], accelerator=find_accelerator("h100"), batch=None)
>>> for rate in (1.0, 5.0, 15.0):
...     found = latency_at_load(plan, rate)
...     print(rate, round(found.time_to_first_token_seconds, 3), round(found.time_per_output_token_seconds, 4))
1.0 0.034 0.0072
5.0 0.036 0.0091
15.0 0.049 0.0263
"""

from __future__ import annotations

from dataclasses import dataclass

from economics.errors import InputError
from economics.serving.engine import ServingPlan, reading_seconds, step_seconds
from economics.serving.memory import largest_batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """What a user waits for at a load."""

    time_to_first_token_seconds: float
    time_per_output_token_seconds: float
    mean_batch: float
    prefill_load_fraction: float
    """Share of the replica's time that prefill takes."""
    stable: bool
    """Whether the replica keeps up with the load."""


def step_line(plan: ServingPlan, batch_limit: int) -> tuple[float, float]:
    """Return fixed and per-sequence seconds of a decoding step, the straight line through batch 1 and the limit.

    A step is nearly straight in its batch between being bound by weights and by arithmetic; the line through the
    ends is what the queueing formula and the simulation share.
    """
    middle = plan.input_tokens + plan.output_tokens / 2.0

    def at(batch: int) -> float:
        return step_seconds(plan, batch, middle).total

    if batch_limit <= 1:
        return at(1), 0.0
    slope = (at(batch_limit) - at(1)) / (batch_limit - 1)
    return max(1e-9, at(1) - slope), max(0.0, slope)


def latency_at_load(plan: ServingPlan, requests_per_second: float) -> Latency:
    """Return the mean latency of one replica at a load of requests that arrive at random (Poisson).

    The engine alternates: prompts that wait are prefilled one by one, then the running batch takes a step. Prefill of
    length S takes the share rho = lambda S of the time, so steps are stretched by 1/(1 - rho). By Little's law the
    batch is b = lambda o T with T = (t0 + t1 b)/(1 - rho), a straight equation. A prompt waits for the rest of
    a step, for the prompts before it (Pollaczek-Khinchine with a fixed service: rho S / 2(1 - rho)), and is read.

    Left out: limits of memory on the batch (then `stable` is false), and requests that share prefixes.

    Raises
    ------
    InputError : if the rate is negative

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> plan = ServingPlan(decoder=find_decoder("llama-3.1-8b")[0], accelerator=find_accelerator("h100"))
    >>> idle, busy = latency_at_load(plan, 0.01), latency_at_load(plan, 10.0)
    >>> busy.time_to_first_token_seconds > idle.time_to_first_token_seconds, busy.stable
    (True, True)
    """
    if requests_per_second < 0:
        raise InputError("requests_per_second", requests_per_second, "at least 0")
    limit = largest_batch(
        plan.decoder, plan.accelerator, layout=plan.layout, tokens_per_sequence=plan.input_tokens + plan.output_tokens,
        weights=plan.weights, kv=plan.kv, more_weight_bytes=plan.encoder_bytes,
    )  # fmt: skip
    service = reading_seconds(plan, 1)
    fixed, each = step_line(plan, max(2, limit))
    rate, out = requests_per_second, max(1, plan.output_tokens - 1)
    load = rate * service
    room = 1.0 - load - rate * out * each
    if load >= 1.0 or room <= 0.0:
        return Latency(
            time_to_first_token_seconds=float("inf"), time_per_output_token_seconds=float("inf"),
            mean_batch=float(limit), prefill_load_fraction=min(1.0, load), stable=False,
        )  # fmt: skip
    batch = rate * out * fixed / room
    # a sequence alone in its batch still takes a whole step
    per_token = max(fixed + each, (fixed + each * max(1.0, batch)) / (1.0 - load))
    step = fixed + each * batch
    running = min(1.0, batch)  # chance that a step is under way when a prompt arrives
    first = running * step / 2.0 + load * service / (2.0 * (1.0 - load)) + service
    return Latency(
        time_to_first_token_seconds=first,
        time_per_output_token_seconds=per_token,
        mean_batch=batch,
        prefill_load_fraction=load,
        stable=batch <= limit,
    )


def largest_rate(plan: ServingPlan, *, first_token_seconds: float, per_token_seconds: float) -> float:
    """Return the most requests per second that one replica serves within two latency targets; 0 if it never does.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> plan = ServingPlan(decoder=find_decoder("llama-3.1-8b")[0], accelerator=find_accelerator("h100"))
    >>> strict = largest_rate(plan, first_token_seconds=0.2, per_token_seconds=0.02)
    >>> strict < largest_rate(plan, first_token_seconds=1.0, per_token_seconds=0.05)
    True
    """

    def good(rate: float) -> bool:
        latency = latency_at_load(plan, rate)
        return (
            latency.stable
            and latency.time_to_first_token_seconds <= first_token_seconds
            and latency.time_per_output_token_seconds <= per_token_seconds
        )

    low, high = 1e-6, 1e-3
    if not good(low):
        return 0.0
    while good(high) and high < 1e7:
        low, high = high, high * 2
    for _ in range(50):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if good(middle) else (low, middle)
    return low
