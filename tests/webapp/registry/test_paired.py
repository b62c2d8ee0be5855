"""Whether a difference is one: the paired test against what is known of it."""

from __future__ import annotations

import numpy as np
import pytest

from webapp.registry import paired
from webapp.registry.paired import NotPaired, Units, paired_test


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "NUM_RESAMPLES", 600)


def units(loss: np.ndarray, counts: list[int], *, content_hash: str = "c") -> Units:
    sums = {"loss": [float(v) for v in loss], "tokens": [float(n) for n in counts]}
    return Units(
        split="test", content_hash=content_hash, counts=counts, sums=sums, ratios={"loss": ("loss", "tokens", 1.0)}
    )


def drawn(seed: int, shift: float, *, num: int = 200, noise: float = 0.1) -> tuple[Units, Units]:
    """Two models on the same units: units differ much, the models by `shift` with little noise."""
    chance = np.random.default_rng(seed)
    counts = [16] * num
    hard = chance.normal(3, 1, num) * 16
    other = hard + (shift + chance.normal(0, noise, num)) * 16
    return units(hard, counts), units(other, counts)


def test_a_small_difference_is_seen_where_units_are_paired() -> None:
    found = paired_test(*drawn(1, -0.05), "loss")
    assert found.difference == pytest.approx(-0.05, abs=0.02)
    assert found.low < found.difference < found.high < 0
    assert found.p_value < 0.01
    assert found.is_clear


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    hits = [found.low <= 0.02 <= found.high for seed in range(40) if (found := paired_test(*drawn(seed, 0.02), "loss"))]
    assert 0.85 <= np.mean(hits) <= 1.0


def test_models_that_are_alike_are_seldom_told_apart() -> None:
    p_values = [paired_test(*drawn(seed, 0.0), "loss").p_value for seed in range(40)]
    assert np.mean([p < 0.05 for p in p_values]) < 0.15
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.15)


def test_units_of_different_length_are_paired_at_the_cuts_that_both_have() -> None:
    chance = np.random.default_rng(0)
    each = chance.normal(3, 1, 96)
    short = units(each * 16, [16] * 96)
    long = units((each * 16).reshape(24, 4).sum(axis=1) - 1, [64] * 24)
    found = paired_test(short, long, "loss")
    assert found.num_units == 24
    assert found.difference == pytest.approx(-1 / 64)


def test_what_cannot_be_paired_is_refused() -> None:
    a, b = drawn(1, 0.1)
    with pytest.raises(NotPaired, match="different data"):
        paired_test(a, units(np.ones(200), [16] * 200, content_hash="d"), "loss")
    with pytest.raises(NotPaired, match="not a mean"):
        paired_test(a, b, "perplexity")
    with pytest.raises(NotPaired, match="different amounts"):
        paired_test(a, units(np.ones(100), [16] * 100), "loss")
