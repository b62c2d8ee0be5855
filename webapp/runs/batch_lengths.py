"""How long the examples of a batch are, as it holds them: where an example is a document, filled up to the longest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from webapp.runs.architectures import Facts, link_of


def are_documents(family: str, model: Any, facts: Facts) -> bool:
    """Say whether an example of the family is a document of such data, and not a window of its tokens."""
    link = link_of(family)
    return bool(link and link.document_lengths and link.document_lengths(model, facts))


def batch_lengths(family: str, model: Any, facts: Facts, *, window: int, num_examples: int) -> tuple[int, ...]:
    """Return the tokens of each side of an example in a batch of so many, cut to the window; the window where that is read."""
    link = link_of(family)
    sides = link.document_lengths(model, facts) if link and link.document_lengths else ()
    found = (expected_longest(np.minimum(side, window), num_examples) for side in sides)
    return tuple(max(1, round(length)) for length in found) or (window, window)


def expected_longest(lengths: ArrayLike, count: int) -> float:
    """Return how long the longest of `count` documents is on average, drawn from among those of these lengths.

    >>> expected_longest([1, 3], 1), expected_longest([1, 3], 2)
    (2.0, 2.5)
    """
    ordered = np.sort(np.asarray(lengths, dtype=np.float64))
    are_all_below = (np.arange(len(ordered) + 1) / len(ordered)) ** count
    return float(np.diff(are_all_below) @ ordered)
