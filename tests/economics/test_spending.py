"""Spending looked ahead, and divided by what it bought."""

from __future__ import annotations

import numpy as np
import pytest

from economics.spending import Bought, frontier, marginal_cost, month_end


def test_even_days_leave_no_doubt() -> None:
    found = month_end([10.0] * 20, spent=100, num_days_left=5, known_ahead=7)
    assert found.total is not None
    assert tuple(found.total) == pytest.approx((157, 157, 157))


def test_three_days_are_the_least_and_no_day_left_is_certain() -> None:
    assert month_end([10.0, 20.0], spent=30, num_days_left=5).total is None
    assert month_end([], spent=30, num_days_left=0).total is not None


def test_the_interval_holds_what_comes_four_times_in_five() -> None:
    """Months of uneven days: the share inside p10 to p90 must be near 0.8, and not by being as wide as the world."""
    draws = np.random.default_rng(7)
    inside = 0
    for seed in range(120):
        days = draws.lognormal(2.0, 0.6, 45) * (draws.random(45) < 0.7)
        found = month_end(list(days[:28]), spent=0.0, num_days_left=17, seed=seed)
        assert found.total is not None
        inside += days[28:].sum() in found.total
    assert 0.7 <= inside / 120 <= 0.92


def test_the_band_widens_with_the_days() -> None:
    found = month_end([1.0, 30.0, 0.0, 12.0, 3.0, 9.0, 14.0], spent=50, num_days_left=10)
    widths = [each.p90 - each.p10 for each in found.by_day]
    assert widths[-1] > 2 * widths[0]


def runs(num_runs: int = 12, *, slope: float = 8.0, noise: float = 0.0) -> list[Bought]:
    """Return runs on cost = exp(slope x (3 - loss)): each is on the frontier."""
    draws = np.random.default_rng(3)
    loss = np.linspace(2.9, 2.0, num_runs)
    return [
        Bought(name=str(k), usd=float(np.exp(slope * (3 - x))), loss=float(x * (1 + noise * draws.standard_normal())))
        for k, x in enumerate(loss)
    ]


def test_the_marginal_cost_is_that_of_the_curve() -> None:
    found = marginal_cost(runs(), point=0.01, loss_noise=0.0)
    assert found is not None
    expected = found.at_usd * np.expm1(8.0 * 0.01)
    assert found.usd_per_point.p50 == pytest.approx(expected, rel=1e-6)
    assert not found.noise_is_assumed


def test_noise_widens_it_and_an_assumed_one_is_said() -> None:
    sure, unsure = marginal_cost(runs(), loss_noise=0.0005), marginal_cost(runs())
    assert sure is not None
    assert unsure is not None
    assert unsure.usd_per_point.width_ratio > sure.usd_per_point.width_ratio
    assert unsure.noise_is_assumed


def test_two_runs_are_no_frontier_to_reckon_with() -> None:
    assert marginal_cost(runs(2)) is None
    beaten = [Bought(name="dear", usd=9, loss=3), Bought(name="cheap", usd=1, loss=2)]
    assert [run.name for run in frontier(beaten)] == ["cheap"]
