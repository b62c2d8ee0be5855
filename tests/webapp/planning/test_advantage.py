"""The advantage page's figures: signs, sizes and honesty."""

from __future__ import annotations

import dataclasses

import pytest

from tests.webapp.planning.plans import DAY, INPUTS, answered, price, published
from webapp.planning.answer import full_answer
from webapp.planning.board_business import advantage_board
from webapp.planning.inputs import PlanInputs


def test_data_that_do_not_bind_are_worth_nothing_and_it_is_said() -> None:
    inputs = dataclasses.replace(INPUTS, unique_tokens=5e13)
    found = full_answer(inputs, published(), price(), DAY, {})
    assert found["advantage"]["data"]["usd_per_million"] == 0
    shown = advantage_board(inputs, found)["next_million"]
    assert shown.text == "$0"
    assert "do not bind" in shown.detail


def test_scarce_data_are_worth_more_the_scarcer_they_are() -> None:
    worth = []
    for tokens in (4e10, 1.6e11):
        inputs = dataclasses.replace(INPUTS, unique_tokens=tokens)
        worth.append(full_answer(inputs, published(), price(), DAY, {})["advantage"]["data"]["usd_per_million"])
    assert worth[0] > worth[1] > 0


def test_barrier_melts_and_the_lead_ends_where_it_meets_the_budget() -> None:
    barrier = answered()["advantage"]["barrier"]
    middle = [row["p50"] for row in barrier["rows"]]
    assert middle == sorted(middle, reverse=True)
    assert barrier["lead_months"] is None or barrier["lead_months"] >= 0
    rich = dataclasses.replace(INPUTS, follower_budget_usd=1e9)
    assert full_answer(rich, published(), price(), DAY, {})["advantage"]["barrier"]["lead_months"] == 0


def test_eight_levers_have_an_elasticity_and_price_helps() -> None:
    poor = PlanInputs(cash_usd=150_000.0, horizon_months=18.0)
    factors = full_answer(poor, published(), price(), DAY, {})["advantage"]["factors"]
    assert len(factors) == 8
    assert factors[0]["of"] == "cash-out month"
    by_name = {row["name"]: row["elasticity"] for row in factors}
    assert by_name["payroll"] < 0 < by_name["price"]


def test_estimates_are_marked_and_compute_is_set_against_thresholds() -> None:
    found = answered()["advantage"]
    assert all(not row["is_measured"] and row["how"] for row in found["levers"])
    best = answered()["scale"]["best"]
    assert found["challenges"]["training_flop"] == pytest.approx(6 * best["num_params"] * best["num_tokens"])
    assert [row["flop"] for row in found["challenges"]["thresholds"]] == [1e23, 1e25]
