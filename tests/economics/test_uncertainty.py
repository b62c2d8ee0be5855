"""Intervals, distributions, common random numbers, scores and posteriors hold their algebra."""

from __future__ import annotations

import math
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import economics.uncertainty
from economics.errors import InputError
from economics.uncertainty import (
    Beta,
    Empirical,
    Fixed,
    GoodputPrior,
    Interval,
    JobObservation,
    LogNormal,
    RatioPrior,
    Triangular,
    beta_from_quantiles,
    coverage_of,
    distribution_from_mapping,
    draw_jointly,
    elasticities_of,
    goodput_posterior,
    interval_of,
    interval_score_log,
    ratio_posterior,
    tornado_of,
)
from tests.economics.worked_examples import assert_examples_run

FAMILIES = [Fixed(2.0), LogNormal(0.3, 0.4), Beta(3.0, 9.0), Triangular(1.0, 2.0, 7.0), Empirical((3.0, 1.0, 2.0))]


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(economics.uncertainty.__path__)])
def test_worked_examples_run(name):
    assert_examples_run(f"economics.uncertainty.{name}")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: type(family).__name__)
def test_sample_has_the_quantiles_that_ppf_promises(family):
    draws = family.sample(np.random.default_rng(1), 40_000)
    for u in (0.1, 0.5, 0.9):
        assert np.mean(draws <= family.ppf(u) + 1e-12) >= u - 0.01
        assert np.mean(draws < family.ppf(u) - 1e-12) <= u + 0.01


@given(st.floats(0.01, 1e6), st.floats(1.01, 20.0))
def test_lognormal_keeps_the_median_and_the_width_of_its_range(median, ratio):
    low, mid, high = LogNormal.from_median(median, p10=median / ratio, p90=median * ratio).ppf([0.1, 0.5, 0.9])
    assert mid == pytest.approx(median)
    assert high / low == pytest.approx(ratio**2)


@settings(max_examples=30)
@given(st.floats(0.05, 0.95), st.floats(0.05, 0.9))
def test_beta_keeps_the_median_and_the_width_of_its_range(p50, spread):
    half = min(p50, 1 - p50) * spread
    found = beta_from_quantiles(p10=p50 - half, p50=p50, p90=p50 + half)
    low, mid, high = found.ppf([0.1, 0.5, 0.9])
    assert mid == pytest.approx(p50, abs=2e-3)
    assert high - low == pytest.approx(2 * half, abs=4e-3)


def test_triangle_is_recovered_from_its_own_quantiles():
    low, mid, high = Triangular(1.0, 2.0, 5.0).ppf([0.1, 0.5, 0.9])
    found = Triangular.from_median(mid, p10=low, p90=high)
    assert (found.low, found.mode, found.high) == pytest.approx((1.0, 2.0, 5.0), abs=1e-3)


def test_quantiles_out_of_order_are_refused_with_the_numbers():
    with pytest.raises(ValueError, match=r"p10 \(3\), p50 \(2\)"):
        Interval(3, 2, 4)


def test_nan_draws_are_refused_and_infinite_ones_kept():
    with pytest.raises(ValueError, match="1 of 2 draws are nan"):
        interval_of([1.0, math.nan])
    assert interval_of([1.0, 2.0, math.inf, math.inf]).p90 == math.inf


def test_an_input_added_leaves_the_draws_of_the_others_alone():
    price = LogNormal(0.0, 0.2)
    alone = draw_jointly({"price": price}, num_draws=100, seed=3)
    joined = draw_jointly({"more": Beta(2.0, 2.0), "price": price}, num_draws=100, seed=3)
    assert (alone["price"] == joined["price"]).all()
    assert (draw_jointly({"price": price}, num_draws=100, seed=4)["price"] != alone["price"]).any()


def test_correlated_draws_are_correlated_and_keep_their_spread():
    inputs = {"a": LogNormal(0.0, 0.5), "b": LogNormal(1.0, 0.5), "c": Fixed(1.0)}
    drawn = draw_jointly(inputs, num_draws=4000, seed=0, correlations={("a", "b"): 0.8})
    assert np.corrcoef(np.log(drawn["a"]), np.log(drawn["b"]))[0, 1] == pytest.approx(0.8, abs=0.03)
    assert np.log(drawn["b"]).std() == pytest.approx(0.5, rel=0.05)


def test_impossible_correlations_are_refused():
    pairs = {("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): -0.9}
    with pytest.raises(InputError, match="possible together"):
        draw_jointly(dict.fromkeys("abc", 1.0), num_draws=10, correlations=pairs)


@given(st.floats(0.1, 10), st.floats(1, 10), st.floats(1, 10), st.floats(0.01, 100))
def test_interval_score_is_least_on_the_interval_and_has_no_unit(low, mid_ratio, high_ratio, unit):
    interval = Interval(low, low * mid_ratio, low * mid_ratio * high_ratio)
    inside = interval_score_log(interval, interval.p50)
    assert inside == pytest.approx(math.log(mid_ratio * high_ratio), abs=1e-9)
    assert interval_score_log(interval, interval.p90 * 2) == pytest.approx(inside + 10 * math.log(2))
    scaled = interval_score_log(interval * unit, interval.p90 * 2 * unit)
    assert scaled == pytest.approx(interval_score_log(interval, interval.p90 * 2), abs=1e-7)


def test_coverage_band_holds_the_nominal_share_of_a_calibrated_forecaster():
    rng = np.random.default_rng(5)
    outcomes = np.exp(rng.normal(size=400))
    low, mid, high = LogNormal(0.0, 1.0).ppf([0.1, 0.5, 0.9])
    found = coverage_of([Interval(low, mid, high)] * 400, outcomes.tolist())
    assert found.is_consistent
    assert not coverage_of([Interval(mid, mid, high)] * 400, outcomes.tolist()).is_consistent


def test_elasticities_of_a_product_are_its_powers_and_the_longest_bar_comes_first():
    def cost(x):
        return x["tokens"] * x["price"] ** 2 / x["speed"]

    inputs = {"tokens": LogNormal(0, 0.3), "price": LogNormal(0, 0.3), "speed": LogNormal(1, 0.1), "unused": Fixed(1)}
    assert elasticities_of(cost, inputs) == pytest.approx({"tokens": 1, "price": 2, "speed": -1, "unused": 0}, abs=1e-9)
    assert [bar.name for bar in tornado_of(cost, inputs)] == ["price", "tokens", "speed"]


PRIOR = RatioPrior(spread=LogNormal(0.0, 0.4), noise_sigma=0.2)


def test_posterior_agrees_with_the_conjugate_normal():
    ratios = [1.3, 1.1, 1.5, 1.2]
    found = ratio_posterior(PRIOR, [JobObservation(ratio=r) for r in ratios]).typical
    precision = 1 / 0.4**2 + 4 / 0.2**2
    assert found.mu == pytest.approx(np.log(ratios).sum() / 0.2**2 / precision, abs=1e-6)
    assert found.sigma == pytest.approx(precision**-0.5, rel=1e-3)


def test_a_failed_job_moves_the_posterior_more_than_if_it_had_finished_there():
    finished = ratio_posterior(PRIOR, [JobObservation(ratio=1.5)])
    failed = ratio_posterior(PRIOR, [JobObservation(ratio=1.5, finished=False)])
    early = ratio_posterior(PRIOR, [JobObservation(ratio=0.1, finished=False)])
    assert failed.median > finished.median > 1
    assert early.median == pytest.approx(ratio_posterior(PRIOR, []).median, rel=1e-3)


def test_jobs_of_another_device_weigh_less():
    same = ratio_posterior(PRIOR, [JobObservation(ratio=2.0, device="a", kind="decoder")], device="a", kind="decoder")
    half = ratio_posterior(PRIOR, [JobObservation(ratio=2.0, device="b", kind="decoder")], device="a", kind="decoder")
    other = ratio_posterior(PRIOR, [JobObservation(ratio=2.0, device="b", kind="vision")], device="a", kind="decoder")
    assert same.median > half.median > other.median > 1
    assert other.effective_num_jobs == pytest.approx(0.25)


def test_posterior_predictive_covers_at_its_nominal_rate_with_half_the_jobs_censored():
    rng = np.random.default_rng(8)
    inside = 0
    for _ in range(200):
        mu = rng.normal(0, 0.4)
        durations = np.exp(mu + rng.normal(0, 0.2, 9))
        limits = np.exp(rng.normal(0.0, 0.5, 8))
        jobs = [
            JobObservation(ratio=float(min(d, c)), finished=bool(d <= c))
            for d, c in zip(durations[:8], limits, strict=True)
        ]
        inside += 0.1 <= float(ratio_posterior(PRIOR, jobs).cdf(durations[8])) <= 0.9
    assert 0.74 <= inside / 200 <= 0.86


def test_goodput_posterior_stays_a_share_and_falls_with_lost_time():
    prior = GoodputPrior(median_fraction=0.92)
    bad = goodput_posterior(prior, [JobObservation(ratio=0.5)] * 5)
    assert bad.median < goodput_posterior(prior, []).median
    assert all(0 < value < 1 for value in bad.values)


@pytest.mark.parametrize(
    ("table", "median"),
    [
        (3, 3.0),
        ({"p10": 1, "p90": 4}, 2.0),
        ({"p10": 1, "p50": 3, "p90": 4}, 3.0),
        ({"lognormal": [5.0, 0.2]}, 5.0),
        ({"triangular": [0, 1, 2]}, 1.0),
        ({"empirical": [1, 9, 4]}, 4.0),
        ({"beta": [5, 5]}, 0.5),
    ],
)
def test_files_name_distributions(table, median):
    assert distribution_from_mapping("x", table).median == pytest.approx(median)


@pytest.mark.parametrize("table", ["3", True, {"gauss": [1, 2]}, {"p10": 4, "p90": 1}, {"beta": [1]}, {}])
def test_bad_distributions_are_refused_by_name(table):
    with pytest.raises(InputError, match=r"^churn is "):
        distribution_from_mapping("churn", table)
