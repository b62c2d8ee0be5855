"""Whether one model is better than another on the same examples, for measures that are no mean: F1, MCC, AUROC, ECE.

The interval of the difference is a bootstrap of the examples, drawn for both models together, so that what is hard for
both cancels (Efron and Tibshirani 1993, ch. 13). The p-value is a permutation test: were the models alike, each example's
two answers could be swapped (Good 2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.errors import InputError
from trainer.metrics.labels import Floats
from trainer.metrics.scores import Scores

NUM_DRAWS = 400
MIN_EXAMPLES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A measure of both models; `difference` is the second's minus the first's, with its 95 % interval."""

    name: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    num_examples: int


def check_pair(first: Scores, second: Scores) -> None:
    """Raise `InputError` where the two did not answer the same examples."""
    same = (first.kind, first.split, first.content_hash) == (second.kind, second.split, second.content_hash)
    if not (same and np.array_equal(first.documents, second.documents) and np.array_equal(first.truth, second.truth)):
        raise InputError("the two models did not answer the same examples, so nothing can be paired")
    if first.num_examples < MIN_EXAMPLES:
        raise InputError(f"only {first.num_examples} examples could be paired; at least {MIN_EXAMPLES} are needed")


def paired_differences(first: Scores, second: Scores, *, num_draws: int = NUM_DRAWS, seed: int = 0) -> list[Difference]:
    """Return the difference in each measure; raise `InputError` where the two cannot be paired."""
    check_pair(first, second)
    chance, num = np.random.default_rng(seed), first.num_examples
    whole = values_of(first, np.ones(num)), values_of(second, np.ones(num))
    of_first, of_second = first.measures(), second.measures()
    draws = chance.multinomial(num, np.full(num, 1 / num), size=num_draws).astype(np.float64)
    drawn = [[of_second[name](weights) - of_first[name](weights) for name in of_first] for weights in draws]
    swapped = []
    for chosen in chance.random((num_draws, num)) < 0.5:
        mixed = first.with_answers_of(second, chosen), second.with_answers_of(first, chosen)
        swapped.append(values_of(mixed[1], np.ones(num)) - values_of(mixed[0], np.ones(num)))
    return [
        difference_of(name, float(whole[0][i]), float(whole[1][i]), np.array(drawn)[:, i], np.array(swapped)[:, i], num)
        for i, name in enumerate(of_first)
        if np.isfinite(whole[0][i]) and np.isfinite(whole[1][i])
    ]


def values_of(scores: Scores, weights: Floats) -> Floats:
    """Return every measure of the answers, in order."""
    return np.array([measure(weights) for measure in scores.measures().values()])


def difference_of(name: str, first: float, second: float, drawn: Floats, swapped: Floats, num: int) -> Difference:
    difference = second - first
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    found = swapped[np.isfinite(swapped)]
    beyond = int((np.abs(found) >= abs(difference) - 1e-12).sum())
    return Difference(
        name=name,
        first=first,
        second=second,
        difference=difference,
        low=float(low),
        high=float(high),
        p_value=(beyond + 1) / (len(found) + 1),
        num_examples=num,
    )
