"""Measures of labels against scikit-learn's, and against what their names promise."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.errors import InputError
from trainer.metrics.bootstrap import bootstrap
from trainer.metrics.labels import (
    accuracy,
    auroc,
    aurocs_of_sorted,
    calibration_bins,
    calibration_error,
    confusion_matrix,
    f1_by_label,
    macro_f1,
    matthews,
)
from trainer.metrics.thresholds import error_curve, pick_threshold

CHANCE = np.random.default_rng(5)


def some(count: int = 400, num_labels: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities that know a little of them, rounded so that there are ties."""
    truth = CHANCE.choice(num_labels, count, p=[0.5, 0.2, 0.15, 0.1, 0.05][:num_labels])
    logits = CHANCE.normal(size=(count, num_labels)) + 1.5 * np.eye(num_labels)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, probabilities.round(2)


def test_measures_equal_those_of_scikit_learn() -> None:
    sklearn = importlib.import_module("sklearn.metrics")
    truth, probabilities = some()
    predicted, ones = probabilities.argmax(axis=1), np.ones(len(truth))
    confusion = confusion_matrix(truth, predicted, num_labels=5)
    assert confusion.tolist() == sklearn.confusion_matrix(truth, predicted).tolist()
    assert accuracy(confusion) == pytest.approx(sklearn.accuracy_score(truth, predicted))
    assert macro_f1(confusion) == pytest.approx(sklearn.f1_score(truth, predicted, average="macro"))
    assert f1_by_label(confusion) == pytest.approx(sklearn.f1_score(truth, predicted, average=None))
    assert matthews(confusion) == pytest.approx(sklearn.matthews_corrcoef(truth, predicted))
    for label in range(5):
        theirs = sklearn.roc_auc_score(truth == label, probabilities[:, label])
        assert auroc(truth == label, probabilities[:, label], ones) == pytest.approx(theirs)


def test_all_labels_at_once_are_each_alone() -> None:
    truth, probabilities = some(60)
    is_positive = truth[:, None] == np.arange(6)  # nobody has the last label
    scores = np.c_[probabilities, probabilities[:, 0]]
    order = np.argsort(scores, axis=0, kind="stable")
    areas = aurocs_of_sorted(*(np.take_along_axis(each, order, axis=0).T for each in (is_positive, scores)))
    weights = CHANCE.integers(0, 3, 60).astype(float)
    alone = [auroc(is_positive[:, label], scores[:, label], weights) for label in range(6)]
    assert areas(weights[order.T]) == pytest.approx(np.array(alone), nan_ok=True)
    assert np.isnan(alone[-1])


def test_weights_are_as_good_as_copies() -> None:
    truth, probabilities = some(50)
    times = CHANCE.integers(0, 4, 50)
    copied = np.repeat(np.arange(50), times)
    scores, weights = probabilities[:, 0], times.astype(float)
    assert auroc(truth == 0, scores, weights) == pytest.approx(
        auroc(truth[copied] == 0, scores[copied], np.ones(len(copied)))
    )
    predicted = probabilities.argmax(axis=1)
    with_weights = confusion_matrix(truth, predicted, num_labels=5, weights=weights)
    assert with_weights.tolist() == confusion_matrix(truth[copied], predicted[copied], num_labels=5).tolist()


def test_calibration_of_honest_and_of_boastful_answers() -> None:
    confidence = CHANCE.uniform(0.3, 1, 20_000)
    right = CHANCE.uniform(size=20_000) < confidence
    ones = np.ones(20_000)
    assert calibration_error(calibration_bins(confidence, right, ones)) < 0.02
    boastful = calibration_bins(np.full(20_000, 0.99), right, ones)
    assert calibration_error(boastful) == pytest.approx(0.99 - right.mean())


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    chance, held = np.random.default_rng(1), 0
    for seed in range(200):
        right = (chance.uniform(size=120) < 0.7).astype(float)
        found = bootstrap({"accuracy": lambda w, r=right: float(w @ r / w.sum())}, num_examples=120, seed=seed)[0]
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.7 <= found.high
    assert 180 <= held <= 199


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60), st.floats(0, 50), st.floats(0, 50))
@settings(max_examples=150, deadline=None)
def test_no_threshold_is_cheaper_than_the_one_picked(rows: list[tuple[bool, float]], alarm: float, miss: float) -> None:
    positive, probability = np.array([p for p, _ in rows]), np.array([q for _, q in rows])
    found = pick_threshold(error_curve("x", positive, probability), cost_false_alarm=alarm, cost_miss=miss)
    for threshold in [0.0, *probability, 0.5, 1.1]:
        said = probability >= threshold
        cost = alarm * (said & ~positive).sum() + miss * (~said & positive).sum()
        assert found.cost <= cost + 1e-9


def test_of_equal_thresholds_the_one_that_the_costs_ask_for_is_taken() -> None:
    positive, probability = np.array([False, False, True, True]), np.array([0.1, 0.3, 0.8, 0.9])
    for alarm, miss, expected in ((4, 1, 0.8), (1, 1, 0.5), (1, 4, 0.5)):
        found = pick_threshold(error_curve("x", positive, probability), cost_false_alarm=alarm, cost_miss=miss)
        assert (found.threshold, found.cost) == (expected, 0)


def test_a_dear_miss_lowers_the_threshold_and_a_wrong_cost_is_refused() -> None:
    truth, probabilities = some(1_000)
    curve = error_curve("rare", truth == 4, probabilities[:, 4])
    careful = pick_threshold(curve, cost_false_alarm=1, cost_miss=50)
    bold = pick_threshold(curve, cost_false_alarm=50, cost_miss=1)
    assert careful.threshold < bold.threshold
    assert careful.misses < bold.misses
    with pytest.raises(InputError, match="cost of a miss is -1"):
        pick_threshold(curve, cost_false_alarm=1, cost_miss=-1)
