"""What a sweep may vary, how the next values are chosen, and who is stopped."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainer.families import get_family
from trainer.sweep.halving import Curve, to_stop
from trainer.sweep.importance import importances
from trainer.sweep.rates import RATE, RateRule, rate_rule
from trainer.sweep.samplers import Tried, next_values
from trainer.sweep.space import Setting, SweepRefused, check_space, grid_of, num_combinations, read_setting
from webapp.sweeps.spending import expected

GPT = get_family("gpt")


def setting(name: str, text: str) -> Setting:
    return read_setting(GPT, name, text)


def test_values_are_read_as_people_write_them() -> None:
    rate = setting("optimizer.learning_rate", "1e-4 .. 1e-2 log 3")
    assert (rate.low, rate.high, rate.is_log, rate.grid()) == (1e-4, 1e-2, True, [1e-4, 1e-3, 1e-2])
    assert setting("model.num_layers", "2..5").grid() == [2, 3, 4, 5]
    assert setting("optimizer.name", "adamw，muon").choices == ("adamw", "muon")
    assert setting("model.tied_embeddings", "true, false").choices == (True, False)
    assert setting("schedule.num_steps", "500").is_fixed


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("optimizer.learning_rat", "1", "Did you mean optimizer.learning_rate"),
        ("optimizer.learning_rate", "", "has no values"),
        ("optimizer.learning_rate", "fast", "is not a value"),
        ("optimizer.learning_rate", "1e-2 .. 1e-4", "smaller to the larger"),
        ("optimizer.learning_rate", "0 .. 1 log", "begins above 0"),
        ("optimizer.learning_rate", "1 .. 2 lgo", "is not understood"),
        ("optimizer.name", "sgd2", "is none of"),
        ("optimizer.name", "a .. b", "is no number"),
        ("model.num_layers", "2.5", "is not a value"),
        ("optimizer.learning_rate", "1e-3 .. inf log", "“inf” is not a value"),
        ("optimizer.learning_rate", "nan, 1", "“nan” is not a value"),
        ("transfer.source", "/etc, /", "There is no setting transfer.source"),
        ("distil.teacher", "/somebody, /else", "There is no setting distil.teacher"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_a_sentence(name: str, text: str, sentence: str) -> None:
    with pytest.raises(SweepRefused, match=sentence):
        setting(name, text)


def test_a_space_must_vary_and_name_each_setting_once() -> None:
    fixed = setting("schedule.num_steps", "500")
    with pytest.raises(SweepRefused, match="Nothing varies"):
        check_space("gpt", [fixed])
    rate = setting("optimizer.learning_rate", "1e-3, 1e-2")
    with pytest.raises(SweepRefused, match="twice"):
        check_space("gpt", [rate, rate])


def test_a_grid_has_every_combination_once_and_ends() -> None:
    space = [setting("optimizer.learning_rate", "1e-3, 1e-2"), setting("model.num_layers", "1..3")]
    grid = grid_of(space)
    assert len(grid) == num_combinations(space) == 6
    tried: list[Tried] = []
    while (values := next_values("grid", space, tried, lower_is_better=True, seed=1)) is not None:
        tried.append(Tried(values=values, result=1.0))
    assert [each.values for each in tried] == grid


def loss(values: dict[str, float]) -> float:
    """Return a loss that is lowest at a rate of 1e-3 and without dropout."""
    return (math.log10(values["optimizer.learning_rate"]) + 3) ** 2 + values["regularisation.dropout"]


def swept(method: str, *, num: int, seed: int) -> list[Tried]:
    space = [setting("optimizer.learning_rate", "1e-5 .. 1e-1 log"), setting("regularisation.dropout", "0 .. 0.9")]
    tried: list[Tried] = []
    for _ in range(num):
        values = next_values(method, space, tried, lower_is_better=True, seed=seed)
        assert values is not None
        tried.append(Tried(values=values, result=loss(values)))
    return tried


def test_the_bayesian_way_does_better_than_chance_and_is_the_same_each_time() -> None:
    found = {method: [swept(method, num=24, seed=seed) for seed in range(4)] for method in ("random", "bayesian")}
    later = {
        method: np.mean([[each.result for each in sweep[12:]] for sweep in sweeps]) for method, sweeps in found.items()
    }
    assert later["bayesian"] < 0.6 * later["random"]
    assert swept("bayesian", num=10, seed=3) == swept("bayesian", num=10, seed=3)


def test_one_in_three_goes_on_at_each_rung() -> None:
    curves = [Curve(number=n, at_rung={10: float(n)}) for n in range(1, 7)]
    assert to_stop(curves, {1, 2, 3, 4, 5, 6}, factor=3, lower_is_better=True) == {3: 10, 4: 10, 5: 10, 6: 10}
    assert to_stop(curves, {1, 2}, factor=3, lower_is_better=False) == {1: 10, 2: 10}
    assert to_stop(curves[:2], {1, 2}, factor=3, lower_is_better=True) == {}  # nobody to be compared with yet


def test_what_mattered_is_told_from_what_did_not() -> None:
    tried = swept("random", num=40, seed=1)
    space = [
        setting("optimizer.learning_rate", "1e-5 .. 1e-1 log"),
        setting("regularisation.dropout", "0 .. 0.9"),
        setting("optimizer.name", "adamw, muon"),
    ]
    chance = np.random.default_rng(0)
    values = [{**each.values, "optimizer.name": str(chance.choice(["adamw", "muon"]))} for each in tried]
    found = importances(space, values, [float(each.result or 0.0) for each in tried])
    assert found[0].name == "optimizer.learning_rate"
    assert found[0].share > 0.6  # its best lies in the middle: a straight line would not see it
    assert found[0].low <= found[0].share <= found[0].high
    assert next(each for each in found if each.name == "optimizer.name").share < 0.1
    assert importances(space, values[:5], [1.0] * 5) == []


def test_a_rate_goes_over_to_another_width() -> None:
    """The best rate is 1 / width; three widths tell it, one borrows it."""
    values, results = [], []
    for width in (64, 128, 256):
        for rate in np.geomspace(0.1 / width, 10 / width, 5):
            values.append({RATE: float(rate), "model.model_width": width})
            results.append(float(np.log(rate * width) ** 2))
    rule = rate_rule(values, results, lower_is_better=True, fixed_width=None)
    assert rule is not None
    assert rule.is_measured
    assert rule.exponent.value == pytest.approx(-1, abs=0.01)
    far = rule.rate_at(1024)
    assert far.value == pytest.approx(1 / 1024, rel=0.02)
    assert far.low < far.value < far.high
    one = rate_rule([{RATE: each[RATE]} for each in values[:5]], results[:5], lower_is_better=True, fixed_width=64)
    assert one is not None
    assert not one.is_measured
    assert one.rate_at(128).value == pytest.approx(1 / 128, rel=0.05)
    rising = rate_rule([{RATE: r} for r in (1e-3, 2e-3, 4e-3)], [3.0, 2.0, 1.0], lower_is_better=True, fixed_width=64)
    assert rising is not None
    assert rising.best[0].at_edge


def test_the_rate_of_a_wider_model_lies_in_the_interval_of_the_rule() -> None:
    """Losses of 300 steps of GPTs of two layers on Python's library, each rate once: the widest was not used for the rule."""
    rates = [5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2]
    losses = {
        64: [3.945, 3.487, 3.115, 3.007, 2.916, 3.033, 3.234],
        128: [3.227, 2.788, 2.628, 2.666, 2.847, 3.133, 3.591],
        256: [2.490, 2.228, 2.256, 2.547, 2.909],
    }

    def rule_of(*widths: int) -> RateRule:
        tried = [(width, *pair) for width in widths for pair in zip(rates, losses[width], strict=False)]
        values = [{"model.model_width": width, RATE: rate} for width, rate, _loss in tried]
        found = rate_rule(values, [loss for *_, loss in tried], lower_is_better=True, fixed_width=None)
        assert found is not None
        return found

    foretold, measured = rule_of(64, 128).rate_at(256), rule_of(256).best[0].rate
    assert foretold.low < measured.value < foretold.high
    assert foretold.value == pytest.approx(measured.value, rel=0.3)
    unchanged = rule_of(64).best[0].rate.value
    assert unchanged > foretold.high  # what was best at 64 is far too much at 256
    every = rule_of(64, 128, 256).exponent
    assert every.low < -1 < every.high  # muP's
    assert every.high - every.low < rule_of(64, 128).exponent.high - rule_of(64, 128).exponent.low


@pytest.mark.parametrize(
    ("quoted", "before", "took", "found"),
    [
        (10.0, [], [], 10.0),  # nothing has run yet
        (10.0, [20.0, 20.0], [5.0, 15.0], 5.0),  # runs take half of what they are quoted at
        (0.0, [0.0, 0.0], [5.0, 15.0], 10.0),  # no quotes: as much as those before
        (0.0, [], [], 0.0),
    ],
)
def test_the_next_run_is_expected_as_its_quote_held(
    quoted: float, before: list[float], took: list[float], found: float
) -> None:
    assert expected(quoted, before, took) == found
