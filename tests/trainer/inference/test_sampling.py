"""Filters, the seed, stop texts: each against what its definition says."""

from __future__ import annotations

import pytest
import torch

from trainer.errors import SpecError
from trainer.inference.sampling import SamplingSpec, StopAtText, distribution, draw

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])


def chances(**settings: float) -> list[float]:
    return distribution(LOGITS, SamplingSpec(**{"temperature": 1.0, **settings}), seen=[]).tolist()  # type: ignore[arg-type]


def test_without_filters_it_is_the_softmax() -> None:
    assert chances() == pytest.approx(LOGITS.softmax(0).tolist())


def test_temperature_divides_the_logits() -> None:
    assert chances(temperature=0.5) == pytest.approx((LOGITS / 0.5).softmax(0).tolist())


def test_temperature_zero_takes_the_likeliest() -> None:
    assert chances(temperature=0.0) == [1.0, 0.0, 0.0, 0.0]


def test_top_k_leaves_k() -> None:
    assert [p > 0 for p in chances(top_k=2)] == [True, True, False, False]
    assert chances(top_k=100) == pytest.approx(chances())


@pytest.mark.parametrize(("top_p", "left"), [(0.0, 1), (0.6, 1), (0.65, 2), (0.9, 3), (0.999, 4)])
def test_top_p_leaves_the_fewest_that_reach_it(top_p: float, left: int) -> None:
    """The softmax is 0.64, 0.24, 0.09, 0.03."""
    assert sum(p > 0 for p in chances(top_p=top_p)) == left


def test_min_p_is_a_fraction_of_the_likeliest() -> None:
    assert [p > 0 for p in chances(min_p=0.3)] == [True, True, False, False]


def test_repetition_penalty_divides_positive_and_multiplies_negative_logits() -> None:
    settings = SamplingSpec(temperature=1.0, repetition_penalty=2.0)
    expected = torch.tensor([1.0, 1.0, 0.0, -2.0]).softmax(0)
    assert distribution(LOGITS, settings, seen=[0, 3, 3]).tolist() == pytest.approx(expected.tolist())


def test_draws_follow_the_probabilities_and_the_seed() -> None:
    probabilities = torch.tensor([0.7, 0.2, 0.1])

    def counts(seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        drawn = [draw(probabilities, generator) for _ in range(3_000)]
        return [drawn.count(token) for token in range(3)]

    assert counts(1) == counts(1) != counts(2)
    assert [count / 3_000 for count in counts(1)] == pytest.approx([0.7, 0.2, 0.1], abs=0.03)


def test_stop_text_is_found_across_tokens_and_not_shown() -> None:
    stop = StopAtText(["END", "###"])
    shown = "".join(stop.push(text) for text in ["one E", "N", "D two"])
    assert shown == "one "
    assert stop.is_reached


def test_what_only_looked_like_a_stop_text_is_shown() -> None:
    stop = StopAtText(["END"])
    assert [stop.push(text) for text in ["an E", "N", "EMY E"]] == ["an ", "", "ENEMY "]
    assert stop.flush() == "E"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"num_tokens": 0}, "num_tokens is 0; it must be from 1 to 100000"),
        ({"temperature": -1.0}, "temperature is -1.0; it must be from 0 to 100"),
        ({"top_p": 1.5}, "top_p is 1.5; it must be from 0 to 1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"stop": [""]}, "stop must be at most 16 texts, none of them empty"),
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        SamplingSpec(**wrong)  # type: ignore[arg-type]
