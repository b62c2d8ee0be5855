"""The order of the examples: a shuffle of each epoch, the same from any position."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.training.order import examples_at


@pytest.mark.parametrize("num_examples", [1, 2, 3, 7, 100, 1_000, 4_099])
def test_each_epoch_shows_every_example_once(num_examples: int) -> None:
    for epoch in range(3):
        seen = examples_at(epoch * num_examples, num_examples, num_examples=num_examples, seed=1)
        assert sorted(seen) == list(range(num_examples))


def test_any_position_can_be_asked_for_alone() -> None:
    whole = examples_at(0, 300, num_examples=77, seed=5)
    pieces = [examples_at(start, 13, num_examples=77, seed=5) for start in range(0, 300, 13)]
    assert np.concatenate(pieces)[:300].tolist() == whole.tolist()


def test_epochs_and_seeds_differ() -> None:
    first, second = (examples_at(start, 500, num_examples=500, seed=1) for start in (0, 500))
    other = examples_at(0, 500, num_examples=500, seed=2)
    assert (first == second).mean() < 0.02
    assert (first == other).mean() < 0.02


def test_neighbours_do_not_stay_neighbours_and_places_are_even() -> None:
    """Over many seeds each example comes first about as often as any other: chi-square with 49 degrees of freedom."""
    first = [int(examples_at(0, 1, num_examples=50, seed=seed)[0]) for seed in range(5_000)]
    counts = np.bincount(first, minlength=50)
    assert ((counts - 100) ** 2 / 100).sum() < 85  # 99.9 % of fair shuffles
    order = examples_at(0, 10_000, num_examples=10_000, seed=3)
    assert abs(np.corrcoef(order, np.arange(10_000))[0, 1]) < 0.04
    assert (np.abs(np.diff(order)) == 1).mean() < 0.005


def test_a_billion_examples_need_no_memory() -> None:
    seen = examples_at(10**9 - 5, 10, num_examples=10**9, seed=1)
    assert len(set(seen.tolist())) >= 9
    assert seen.max() < 10**9
