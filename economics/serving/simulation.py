"""A small discrete-event simulation of one replica, to check the queueing formula against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulated:
    """Means over the requests that were served."""

    time_to_first_token_seconds: float
    time_per_output_token_seconds: float
    mean_batch: float
    num_requests: int


def simulate_replica(
    *,
    requests_per_second: float,
    prefill_seconds: float,
    step_fixed_seconds: float,
    step_seconds_per_sequence: float,
    output_tokens: int,
    num_requests: int = 4000,
    seed: int = 0,
) -> Simulated:
    """Simulate an engine that prefills waiting prompts one by one and otherwise takes decoding steps.

    Requests arrive at random with the given rate. A tenth at the start is left out of the means (warm-up).

    >>> result = simulate_replica(requests_per_second=1.0, prefill_seconds=0.1, step_fixed_seconds=0.01,
    ...                           step_seconds_per_sequence=0.0, output_tokens=10, num_requests=500)
    >>> 0.1 <= result.time_to_first_token_seconds < 0.2
    True
    """
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1.0 / requests_per_second, num_requests))
    first = np.zeros(num_requests)
    done = np.zeros(num_requests)
    remaining: dict[int, int] = {}
    clock, next_one, batch_time = 0.0, 0, 0.0
    while next_one < num_requests or remaining:
        if next_one < num_requests and arrivals[next_one] <= clock:
            clock += prefill_seconds
            batch_time += prefill_seconds * len(remaining)
            first[next_one] = clock - arrivals[next_one]
            if output_tokens > 1:
                remaining[next_one] = output_tokens - 1
            else:
                done[next_one] = clock
            next_one += 1
        elif remaining:
            step = step_fixed_seconds + step_seconds_per_sequence * len(remaining)
            clock += step
            batch_time += step * len(remaining)
            for request in list(remaining):
                remaining[request] -= 1
                if remaining[request] == 0:
                    done[request] = clock
                    del remaining[request]
        else:
            clock = float(arrivals[next_one])
    kept = slice(num_requests // 10, None)
    decode = (done - arrivals - first)[kept] / max(1, output_tokens - 1)
    return Simulated(
        time_to_first_token_seconds=float(first[kept].mean()),
        time_per_output_token_seconds=float(decode.mean()),
        mean_batch=batch_time / clock,
        num_requests=num_requests,
    )
