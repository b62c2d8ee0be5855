"""The law's closed forms, its published instances, and what it says of served and over-trained models."""

from __future__ import annotations

import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import economics.scaling
from economics.errors import InputError, NoAnswerError, UnknownNameError
from economics.scaling import Conventions, DataConstrainedLaw, LossLaw, Points
from economics.scaling.critical_batch import CriticalBatch, critical_batch_fit, noise_scale
from economics.scaling.data_constrained import fed_params
from economics.scaling.inference_aware import ServedDemand, inference_aware_optimum
from economics.scaling.learning_curve import learning_curve_predict
from economics.scaling.over_training import fit_over_training
from economics.scaling.published import (
    laws_catalogue,
    over_training_law,
    published_data_constrained_law,
    published_fit,
    published_law,
)
from tests.economics.worked_examples import assert_examples_run

LAWS = st.builds(
    LossLaw,
    E=st.floats(0.5, 2.5),
    A=st.floats(50, 2000),
    B=st.floats(50, 9000),
    alpha=st.floats(0.2, 0.6),
    beta=st.floats(0.2, 0.6),
)
COMPUTES = st.floats(1e17, 1e26)


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(economics.scaling.__path__)])
def test_worked_examples_run(name):
    assert_examples_run(f"economics.scaling.{name}")


def test_default_law_gives_18_tokens_a_parameter_where_the_rounded_one_gives_93():
    assert published_law().optimum(5.76e23).tokens_per_param == pytest.approx(17.9, abs=0.05)
    assert published_law().optimum(1e25).tokens_per_param == pytest.approx(16.6, abs=0.05)
    rounded = LossLaw(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    assert rounded.optimum(5.76e23).tokens_per_param == pytest.approx(92.6, abs=0.1)


@given(LAWS, COMPUTES)
def test_no_other_mix_of_the_same_compute_beats_the_optimum(law, compute):
    best = law.optimum(compute)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert law.loss(best.num_params * factor, best.num_tokens / factor) >= best.loss - 1e-12
    marginal_params = law.alpha * law.A * best.num_params**-law.alpha
    marginal_tokens = law.beta * law.B * best.num_tokens**-law.beta
    assert marginal_params == pytest.approx(marginal_tokens, rel=1e-6)


@given(LAWS, COMPUTES)
def test_optimum_for_a_loss_inverts_the_optimum_for_a_compute(law, compute):
    best = law.optimum(compute)
    again = law.optimum_for_loss(best.loss)
    if best.loss - law.E > 1e-6:
        assert again.compute_flop == pytest.approx(compute, rel=1e-3)


@settings(max_examples=25)
@given(LAWS, st.floats(1e19, 1e24))
def test_ends_of_the_band_cost_exactly_its_slack_and_the_band_holds_the_best(law, compute):
    band = law.band(compute)
    for size, tokens in ((band.num_params_low, band.num_tokens_high), (band.num_params_high, band.num_tokens_low)):
        assert law.compute_flop(size, tokens) == pytest.approx(1.1 * compute, rel=1e-4)
        assert law.regret_fraction(size, tokens) == pytest.approx(0.1, abs=1e-3)
    assert band.num_params_low < band.best.num_params < band.num_params_high


@given(LAWS, st.floats(1e8, 1e11), st.floats(1e9, 1e13))
def test_isoquants_and_compute_equivalents_return_to_where_they_came_from(law, n, d):
    loss = float(law.loss(n, d))
    if loss - law.E > 1e-3:
        assert float(law.tokens_for_loss(n, loss)) == pytest.approx(d, rel=1e-3)
        assert float(law.params_for_loss(d, loss)) == pytest.approx(n, rel=1e-3)
        doubled = float(law.loss(n * 2**0.5, d * 2**0.5))
        assert law.compute_equivalent(n, d, doubled) == pytest.approx(2.0, rel=1e-3)


def test_a_loss_below_the_floor_has_no_answer_and_says_so():
    with pytest.raises(NoAnswerError, match=r"irreducible loss 1\.817"):
        published_law().optimum_for_loss(1.5)
    assert published_law().compute_equivalent(1e9, 1e10, 1.5) is None
    assert float(published_law().tokens_for_loss(1e6, 1.9)) == np.inf


def test_laws_refuse_what_is_no_law():
    with pytest.raises(InputError, match="alpha is 0"):
        LossLaw(E=1, A=1, B=1, alpha=0, beta=0.3)


def test_different_conventions_are_told_apart():
    own = Conventions(tokenizer="own 32k")
    assert own.differences(Conventions(tokenizer="own 32k")) == []
    assert "tokenizers differ" in own.differences(Conventions(tokenizer="other"))[0]
    bytes_ = Conventions(loss_unit="bits_per_byte", tokenizer="own 32k")
    assert "bits_per_byte" in own.differences(bytes_)[0]


@pytest.mark.parametrize("name", [key for key, row in laws_catalogue().items()])
def test_every_published_law_has_source_and_date(name):
    row = laws_catalogue()[name]
    assert row["source"]
    assert row["date"].startswith("20")


def test_published_draws_keep_published_intervals_and_predict_like_the_points_did():
    fitted = published_fit(num_draws=4000)
    low, high = np.quantile(fitted.draws, [0.025, 0.975], axis=0)
    assert (low[3], high[3]) == pytest.approx((0.317, 0.373), abs=0.006)
    assert (low[1], high[1]) == pytest.approx((285, 744), rel=0.08)


def test_unknown_law_is_refused_with_the_list():
    with pytest.raises(UnknownNameError, match="besiroglu-2024"):
        published_law("nobody-1999")


def test_four_epochs_are_nearly_free_and_forty_are_not():
    law = published_data_constrained_law()
    fresh = float(law.base.loss(1e9, 4e10))
    assert float(law.loss(1e9, 4e10, 1e10)) - fresh < 0.01 * fresh
    assert float(law.effective_tokens(4e11, 1e10)) < 0.4 * 4e11


@given(st.floats(1e7, 1e11), st.floats(1e8, 1e13), st.floats(1e8, 1e13))
def test_repeats_are_worth_at_most_fresh_tokens_and_never_less_than_nothing(n, d, unique):
    law = DataConstrainedLaw(base=published_law(), R_D_star=15.4, R_N_star=5.3)
    effective = float(law.effective_tokens(d, unique))
    assert min(d, unique) * (1 - 1e-9) <= effective <= d * (1 + 1e-9)
    assert float(law.loss(n, d, unique)) >= float(law.base.loss(n, d)) - 1e-9


def test_fed_params_is_the_size_whose_best_tokens_these_are():
    law = published_law()
    best = law.optimum(1e22)
    assert float(fed_params(law, best.num_tokens)) == pytest.approx(best.num_params, rel=1e-6)


@settings(max_examples=30)
@given(st.floats(0, 1e14), st.floats(1.0, 10.0))
def test_more_serving_makes_the_best_model_smaller_and_longer_trained(served, dearer):
    law = published_law()
    loss = law.optimum(1e23).loss
    demand = ServedDemand(num_output_tokens=served, decode_usd_per_flop=dearer)
    found = inference_aware_optimum(law, loss, demand)
    more = inference_aware_optimum(law, loss, ServedDemand(num_output_tokens=2 * served, decode_usd_per_flop=dearer))
    assert more.num_params <= found.num_params * (1 + 1e-4)
    assert float(law.loss(found.num_params, found.num_tokens)) == pytest.approx(loss, rel=1e-6)
    best = law.optimum_for_loss(loss)
    assert demand.cost_usd(found.num_params, found.num_tokens) <= demand.cost_usd(best.num_params, best.num_tokens) * (
        1 + 1e-6
    )


def test_over_training_fit_agrees_with_published_refits(gadre_rows):
    points = Points(
        num_params=[row["params"] for row in gadre_rows],
        num_tokens=[row["tokens"] for row in gadre_rows],
        loss=[row["loss"] for row in gadre_rows],
    )
    found = fit_over_training(points)
    known = over_training_law("gadre-2024-c4")
    assert found.eta == pytest.approx(known.eta, rel=0.1)
    for compute, ratio in ((1e19, 20.0), (1e20, 160.0)):
        assert float(found.loss(compute, ratio)) == pytest.approx(float(known.loss(compute, ratio)), rel=0.02)


@pytest.fixture
def gadre_rows():
    """Losses of the over-training law at the sizes and ratios of a small ladder, with 0.5 % noise."""
    law = over_training_law("gadre-2024-c4")
    rng = np.random.default_rng(0)
    rows = []
    for n in (1.1e7, 7.9e7, 1.54e8, 4.11e8):
        for ratio in (5, 20, 80, 320):
            loss = float(law.loss(6 * n * n * ratio, ratio)) * np.exp(0.005 * rng.standard_normal())
            rows.append({"params": n, "tokens": n * ratio, "loss": loss})
    return rows


def test_critical_batch_doubles_steps_and_tokens():
    trade = CriticalBatch(least_steps=2e4, least_tokens=2e10)
    assert trade.steps(trade.batch_tokens) == pytest.approx(2 * trade.least_steps)
    assert trade.compute_factor(trade.batch_tokens) == 2
    batches = np.array([2e5, 1e6, 5e6])
    found = critical_batch_fit(batches, [trade.steps(b) for b in batches])
    assert (found.least_steps, found.least_tokens) == pytest.approx((2e4, 2e10))


def test_noise_scale_is_found_from_two_batches():
    signal, noise = 0.7, 3.5e5
    norms = {b: signal + noise / b for b in (1e4, 1e6)}
    found = noise_scale(small_batch=1e4, small_norm_squared=norms[1e4], large_batch=1e6, large_norm_squared=norms[1e6])
    assert found == pytest.approx(noise / signal)
    with pytest.raises(NoAnswerError, match="average their norms"):
        noise_scale(small_batch=1e4, small_norm_squared=1.0, large_batch=1e6, large_norm_squared=2.0)


def test_learning_curve_covers_the_end_of_noisy_runs():
    d = np.linspace(2e7, 4e9, 2000)
    inside = 0
    for seed in range(20):
        noise = 0.03 * np.random.default_rng(seed).standard_normal(d.size)
        curve = 2.4 + 900 / d**0.36 + noise
        found = learning_curve_predict(d, curve, at_tokens=8e9, decay_ahead=False, seed=seed)
        inside += (2.4 + 900 / 8e9**0.36) in found.loss
    assert 12 <= inside <= 20
    assert "beyond twice" in learning_curve_predict(d, curve, at_tokens=4e10).warnings[0]
