"""The order in which a run sees its examples: shuffled anew each epoch, and computed from (seed, position) alone.

Nothing has to be stored but the position, so a run resumes exactly and a billion examples need no memory. The shuffle is
a Feistel network over the smallest square that holds them, walked until it lands inside (Black and Rogaway 2002).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NUM_ROUNDS = 6


def examples_at(position: int, count: int, *, num_examples: int, seed: int) -> NDArray[np.int64]:
    """Return the numbers of the examples at `position`, `position + 1`, ... (`count` of them) of an endless run."""
    positions = np.arange(position, position + count)
    epochs, places = positions // num_examples, positions % num_examples
    found = np.empty(count, dtype=np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        found[here] = shuffle(places[here], num_examples=num_examples, key=round_keys(seed, int(epoch)))
    return found


def shuffle(places: NDArray[np.int64], *, num_examples: int, key: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Map each place of an epoch to an example: a permutation of 0 ... num_examples - 1."""
    side = np.uint64(int(np.ceil(np.sqrt(num_examples))))
    walked = _feistel(places.astype(np.uint64), side, key)
    while (outside := walked >= np.uint64(num_examples)).any():
        walked[outside] = _feistel(walked[outside], side, key)
    return walked.astype(np.int64)


def round_keys(seed: int, epoch: int) -> NDArray[np.uint64]:
    return np.random.SeedSequence([seed, epoch]).generate_state(NUM_ROUNDS, np.uint64).astype(np.uint64)


def _feistel(places: NDArray[np.uint64], side: np.uint64, key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    left, right = places // side, places % side
    for round_key in key:
        left, right = right, (left + _mix(right ^ round_key)) % side
    return left * side + right


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: every bit of the result depends on every bit of x."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
