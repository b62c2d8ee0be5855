"""Ventures: the accounts add up, cash follows its own clock, and the answers agree with closed forms."""

from __future__ import annotations

import dataclasses
import json
import pkgutil
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import economics.venture
from economics.__main__ import main
from economics.errors import InputError
from economics.scaling.inference_aware import ServedDemand
from economics.scaling.published import published_law
from economics.uncertainty import Beta, Fixed, LogNormal
from economics.venture import (
    CloudCredits,
    Discounting,
    Funding,
    Market,
    OtherCost,
    PricePlan,
    Role,
    Segment,
    Serving,
    Staircase,
    Training,
    Venture,
    break_even_month,
    break_even_volume,
    churn_posterior,
    customer_value,
    data_value,
    follower_cost,
    irr,
    minimum_raise_usd,
    monthly_rate,
    npv,
    own_versus_rent,
    peak_cash_need_usd,
    runway_months,
    venture_npv_usd,
    venture_simulate,
)
from economics.venture.metrics import margins
from economics.venture.usage import mean_below
from tests.economics.worked_examples import assert_examples_run


def segment(**changes) -> Segment:
    """Seats at 50 dollars, ten new ones a month, nobody leaves."""
    known = {
        "name": "seats",
        "plan": PricePlan(usd_per_month=50.0),
        "new_customers_per_month": Fixed(10.0),
        "churn_per_month": Fixed(0.0),
    }
    return Segment(**(known | changes))


def plain(**changes) -> Venture:
    """Two years of one segment without luck of the month."""
    return Venture(**({"segments": (segment(),), "months": 24, "demand_sigma": 0.0} | changes))


RICH = Venture(
    segments=(
        segment(
            plan=PricePlan(usd_per_month=50, included_tokens_per_month=2e6, usd_per_million_tokens=3, prepaid_fraction=0.4,
                           collection_days=45),
            market_customers=LogNormal.from_median(2e4, p10=1e4, p90=4e4), churn_per_month=Beta(12, 388),
            tokens_per_customer_month=LogNormal.from_median(5e6, p10=3e6, p90=8e6), free_users_per_customer=5.0,
            free_tokens_per_user_month=2e5, acquisition_usd=Fixed(200.0),
        ),
        segment(name="companies", plan=PricePlan(usd_per_month=500), tokens_per_customer_month=Fixed(5e7)),
    ),
    training=(Training(month=1, cost_usd=Fixed(1e5), months=2, every_months=18),),
    people=(Role(name="engineers", usd_per_year=150_000, count=4), Role(name="support", department="cost_of_goods",
            usd_per_year=60_000, count=1, customers_per_head=500)),
    other_costs=(OtherCost(name="office", usd_per_month=8000), OtherCost(name="agents", department="sales",
                 fraction_of_revenue=0.1)),
    opening_cash_usd=5e5, funding=(Funding(month=6, amount_usd=1e6),), credits=(CloudCredits(amount_usd=5e4),),
    months=36,
)  # fmt: skip


@pytest.fixture(scope="module")
def rich():
    return venture_simulate(RICH, num_paths=500)


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(economics.venture.__path__)])
def test_worked_examples_run(name):
    assert_examples_run(f"economics.venture.{name}")


def test_ten_thousand_paths_of_sixty_months_take_under_a_second():
    plan = dataclasses.replace(RICH, months=60)
    venture_simulate(plan, num_paths=100)
    spent = []
    for _ in range(3):
        began = time.process_time()
        venture_simulate(plan, num_paths=10_000)
        spent.append(time.process_time() - began)
    assert min(spent) < 1.0


def test_profit_is_what_is_left_of_revenue(rich):
    left = rich.revenue - rich.cost_of_goods - rich.research - rich.sales - rich.general
    assert rich.operating_profit == pytest.approx(left)
    assert (rich.cost_of_goods >= rich.serving_paid - 1e-9).all()
    assert (rich.sales >= rich.serving_free - 1e-9).all()
    assert (rich.research >= rich.training - 1e-9).all()


def test_prepaid_money_is_revenue_only_when_used(rich):
    assert np.cumsum(rich.bookings, axis=0) - np.cumsum(rich.revenue, axis=0) == pytest.approx(rich.deferred, abs=1e-4)
    assert (rich.deferred >= 0).all()
    assert rich.deferred[12].mean() > 0


def test_all_invoices_are_collected_late_but_collected():
    lagged = venture_simulate(
        plain(segments=(segment(plan=PricePlan(usd_per_month=50, collection_days=45)),)), num_paths=2
    )
    prompt = venture_simulate(plain(), num_paths=2)
    assert lagged.receipts[0].max() == 0
    assert (np.cumsum(lagged.receipts, axis=0) <= np.cumsum(prompt.receipts, axis=0) + 1e-9).all()
    assert lagged.receipts[3:] == pytest.approx(
        (1 - 45 / 30.4375 % 1) * prompt.receipts[2:-1] + (45 / 30.4375 % 1) * prompt.receipts[1:-2]
    )


def test_cash_is_opening_cash_plus_everything_that_came_and_went(rich):
    flows = rich.receipts - rich.payments + rich.funding[:, None]
    assert rich.cash == pytest.approx(rich.opening_cash_usd + np.cumsum(flows, axis=0))


def test_cloud_credits_save_cash_and_not_cost_and_expire():
    with_, without = (
        venture_simulate(dataclasses.replace(RICH, credits=grants), num_paths=50)
        for grants in ((CloudCredits(amount_usd=1e9, start_month=2, expire_month=6),), ())
    )
    assert with_.operating_profit == pytest.approx(without.operating_profit)
    compute = without.serving_paid + without.serving_free + without.training
    assert with_.credits_used[2:6] == pytest.approx(compute[2:6])
    assert with_.credits_used[6:].max() == 0
    assert with_.cash[-1] - without.cash[-1] == pytest.approx(compute[2:6].sum(axis=0))


def test_without_churn_customers_add_up_and_with_it_they_level_off():
    found = venture_simulate(plain(), num_paths=2)
    assert found.customers[-1] == pytest.approx(240.0)
    leaving = venture_simulate(plain(segments=(segment(churn_per_month=Fixed(0.1)),), months=120), num_paths=2)
    assert leaving.customers[-1] == pytest.approx(100.0, rel=1e-3)


def test_bass_never_exceeds_its_market_and_peaks_where_the_closed_form_says():
    p, q, market = 0.003, 0.1, 10_000.0
    bass = segment(market_customers=Fixed(market), innovation_per_month=Fixed(p), imitation_per_month=Fixed(q))
    found = venture_simulate(plain(segments=(bass,), months=120), num_paths=2)
    assert found.customers.max() <= market + 1e-6
    peak = np.log(q / p) / (p + q)
    assert found.new_customers[:, 0].argmax() == pytest.approx(peak, abs=3)


def test_season_moves_customers_between_months_not_their_number_a_year():
    season = (2.0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.0)
    found = venture_simulate(plain(segments=(segment(seasonality=season),)), num_paths=2)
    assert found.customers[11] == pytest.approx(120.0)
    assert found.new_customers[0, 0] == pytest.approx(20.0)


def test_a_higher_price_wins_fewer_customers_by_its_elasticity():
    dear = segment(plan=PricePlan(usd_per_month=100), price_elasticity=-1.5, reference_usd_per_month=50)
    found = venture_simulate(plain(segments=(dear,)), num_paths=2)
    assert found.new_customers[0, 0] == pytest.approx(10 * 2**-1.5)


@given(st.floats(0.1, 100), st.floats(0.1, 1.5), st.floats(0.01, 1000))
def test_use_below_a_limit_is_at_most_both(mean, sigma, limit):
    found = float(mean_below(mean, sigma, limit))
    assert 0 <= found <= min(mean, limit) * (1 + 1e-9)
    draws = LogNormal(np.log(mean) - sigma**2 / 2, sigma).ppf((np.arange(20_000) + 0.5) / 20_000)
    assert found == pytest.approx(np.minimum(draws, limit).mean(), rel=5e-3)


def test_free_users_are_marketing_and_the_floor_of_replicas_is_paid():
    served = segment(tokens_per_customer_month=Fixed(1e6), free_users_per_customer=1.0, free_tokens_per_user_month=1e6)
    found = venture_simulate(plain(segments=(served,), serving=Serving(rent_decline_per_year=Fixed(0.0))), num_paths=2)
    floor = 2 * 2.5 * 730.5
    assert found.serving_paid[0] + found.serving_free[0] == pytest.approx(floor)
    assert found.serving_free[0] / floor == pytest.approx(0.5, abs=0.2)


def test_failure_ends_paths_at_its_rate_and_never_meets_a_venture_rate():
    found = venture_simulate(
        plain(months=60, discounting=Discounting(rate_per_year=0.1, failure_per_year=0.3)), num_paths=8000
    )
    assert found.alive[-1].mean() == pytest.approx(0.7**5, abs=0.02)
    assert found.revenue[-1][~found.alive[-1]].max() == 0
    with pytest.raises(InputError, match="already holds the chance of failure"):
        Discounting(venture_rate_per_year=0.4, failure_per_year=0.3)


def test_peak_need_raise_and_runway_agree(rich):
    need = peak_cash_need_usd(rich)
    enough = dataclasses.replace(RICH, opening_cash_usd=float(need.max()) + 1, funding=())
    assert np.isinf(runway_months(venture_simulate(enough, num_paths=500))).all()
    wanted = minimum_raise_usd(rich)
    raised = venture_simulate(dataclasses.replace(RICH, opening_cash_usd=5e5 + wanted, funding=()), num_paths=500)
    assert np.isinf(runway_months(raised)).mean() == pytest.approx(0.9, abs=0.01)


def test_break_even_waits_for_three_good_months():
    role = Role(name="team", usd_per_year=12_000, count=1)
    found = venture_simulate(
        plain(people=(role,), payroll_overhead_fraction=0.0, serving=Serving(least_replicas=0)), num_paths=2
    )
    # 10 (t + 1) customers x 50 x (1 - 2.9 %) first reach 1,000 in the third month
    assert break_even_month(found).tolist() == [2.0, 2.0]


def test_fully_loaded_margin_is_below_gross_margin_after_training(rich):
    found = margins(rich)
    gross, loaded = found["gross_margin_fraction"][12], found["fully_loaded_margin_fraction"][12]
    assert loaded < gross


def test_equal_seeds_give_equal_luck_and_a_change_changes_only_what_it_touches():
    first, again = venture_simulate(RICH, num_paths=50), venture_simulate(RICH, num_paths=50)
    assert (first.cash == again.cash).all()
    richer = venture_simulate(dataclasses.replace(RICH, opening_cash_usd=1e6), num_paths=50)
    assert richer.cash - first.cash == pytest.approx(5e5)


def test_monthly_rates_compound_and_flows_sit_in_the_middle_of_the_month():
    assert (1 + monthly_rate(0.4)) ** 12 == pytest.approx(1.4)
    assert float(npv([1.0], 0.21)) == pytest.approx(1.21 ** (-1 / 24))


@given(st.floats(0.02, 3.0), st.integers(6, 60))
def test_irr_is_the_rate_at_which_npv_vanishes(rate, months):
    flows = np.full(months, 10.0)
    flows[0] = -float(npv(np.where(np.arange(months) > 0, flows, 0.0), rate)) * (1 + monthly_rate(rate)) ** 0.5
    assert irr(flows).rate_per_year == pytest.approx(rate, rel=1e-5)


def test_irr_is_none_where_signs_change_to_and_fro():
    found = irr([-100.0, 300.0, -220.0, 5.0])
    assert found.rate_per_year is None
    assert "sign" in found.reason


def test_ltv_approaches_its_closed_form_where_churn_is_high():
    found = customer_value(usd_per_month=100, gross_margin_fraction=0.8, churn_per_month=Fixed(0.3), rate_per_year=0.15)
    rate = monthly_rate(0.15)
    closed = 80 * (1 + rate) ** 0.5 / (0.3 + rate)
    assert found.ltv_usd.p50 == pytest.approx(closed, rel=1e-3)
    assert found.churn_is_assumption


def test_payback_is_infinite_where_customers_leave_first():
    found = customer_value(
        usd_per_month=10,
        gross_margin_fraction=0.5,
        churn_per_month=Fixed(0.5),
        acquisition_usd=100,
        num_customers_observed=99,
    )
    assert found.payback_months.p50 == np.inf
    assert not found.churn_is_assumption


def test_churn_is_learned_from_customers():
    assert churn_posterior(customer_months=10_000, lost_customers=300).mean == pytest.approx(0.03, abs=0.001)
    with pytest.raises(InputError, match="lost_customers is 5"):
        churn_posterior(customer_months=3, lost_customers=5)


def test_owning_pays_above_79_percent_in_the_golden_case_and_more_where_devices_break():
    golden = {
        "purchase_usd": 30_000, "economic_life_years": 4, "residual_fraction": 0.2, "rate_per_year": 0.15,
        "opex_usd_per_year": 4000, "rent_usd_per_hour": 2.5, "rent_decline_per_year": 0.2,
    }  # fmt: skip
    found = own_versus_rent(**golden)
    assert found.break_even_utilisation_fraction == pytest.approx(0.79, abs=0.005)
    capital = (30_000 - 6000 / 1.15**4) * 0.15 / (1 - 1.15**-4)
    assert found.own_usd_per_available_hour == pytest.approx((capital + 4000) / 8760)
    broken = own_versus_rent(**golden, availability_fraction=0.9)
    assert broken.break_even_utilisation_fraction == pytest.approx(found.break_even_utilisation_fraction / 0.9)
    booked = own_versus_rent(**golden, book_life_years=6)
    assert booked.break_even_utilisation_fraction == found.break_even_utilisation_fraction
    assert booked.book_depreciation_usd_per_year == pytest.approx(4000)


@settings(max_examples=40)
@given(st.floats(100, 20_000), st.floats(0.5, 20), st.integers(1, 4), st.floats(0.05, 20))
def test_break_even_volumes_are_where_line_and_staircase_meet(rate, rent, floor, price):
    own = Staircase(tokens_per_second_per_replica=rate, usd_per_replica_hour=rent, least_replicas=floor)
    found = break_even_volume(own, price)
    if found.first_tokens_per_month is None:
        assert own.usd_per_replica_hour * 730.5 >= own.tokens_per_replica_month * price / 1e6 * (1 - 1e-9)
        return
    for volume in (found.first_tokens_per_month, found.always_tokens_per_month):
        assert float(own.usd_per_month(volume)) == pytest.approx(volume * price / 1e6, rel=1e-6)
    for volume in found.always_tokens_per_month * np.linspace(1.0, 5.0, 50):
        assert float(own.usd_per_month(volume)) <= volume * price / 1e6 * (1 + 1e-9)


def test_data_is_worth_its_saving_and_nothing_where_there_is_enough():
    law = published_law()
    target = law.optimum(1e22)
    money = ServedDemand(training_usd_per_flop=2e-18, num_output_tokens=1e12, decode_usd_per_flop=1e-17)
    found = data_value(law, loss=target.loss, unique_tokens=target.num_tokens / 2, demand=money)
    step = 1e6

    def cost(tokens: float) -> float:
        return money.cost_usd(float(law.params_for_loss(tokens, target.loss)), tokens)

    saved = cost(target.num_tokens / 2) - cost(target.num_tokens / 2 + step)
    assert found.usd_per_million_tokens == pytest.approx(saved, rel=1e-3)
    enough = data_value(law, loss=target.loss, unique_tokens=100 * target.num_tokens, demand=money)
    assert enough.usd_per_million_tokens == 0.0
    assert not enough.binds


def test_a_follower_pays_less_the_later_and_how_much_is_uncertain():
    found = follower_cost(1e6)
    medians = [found[month].p50 for month in (0.0, 6.0, 12.0, 24.0)]
    assert medians == sorted(medians, reverse=True)
    assert found[24.0].width_ratio > found[6.0].width_ratio > 1


def test_share_to_break_even_is_fixed_cost_over_margin_of_the_reachable():
    market = Market(customers=1e4, reachable_fraction=0.5, obtainable_fraction=0.1, usd_per_customer_year=1000)
    assert market.obtainable_usd == pytest.approx(0.1 * market.serviceable_usd)
    assert market.share_to_break_even(fixed_usd_per_year=1e6, gross_margin_fraction=0.5) == pytest.approx(0.4)
    assert market.share_to_break_even(fixed_usd_per_year=1e6, gross_margin_fraction=-0.1) is None


def test_a_later_launch_costs_value(rich):
    later = venture_simulate(dataclasses.replace(RICH, launch_month=6), num_paths=500)
    assert later.revenue[:6].max() == 0
    assert np.median(venture_npv_usd(rich, 0.4) - venture_npv_usd(later, 0.4)) > 0


FILE = """
months = 24
opening_cash_usd = "500k"
[[segments]]
name = "Seats"
new_customers_per_month = {p10 = 5, p50 = 10, p90 = 20}
churn_per_month = {beta = [12, 388]}
tokens_per_customer_month = "5M"
[segments.plan]
usd_per_month = 50
[serving]
api_usd_per_million_tokens = 1.5
[discounting]
venture_rate_per_year = 0.4
[own_rent]
purchase_usd = 30000
economic_life_years = 4
residual_fraction = 0.2
rate_per_year = 0.15
opex_usd_per_year = 4000
rent_usd_per_hour = 2.5
rent_decline_per_year = 0.2
[market]
customers = 50000
reachable_fraction = 0.4
obtainable_fraction = 0.2
usd_per_customer_year = 600
[barrier]
cost_usd = 1e6
"""


def test_the_verb_reads_a_file_and_prints_one_object(tmp_path, capsys):
    path = tmp_path / "venture.toml"
    path.write_text(FILE)
    assert main(["venture", str(path), "--json", "--paths", "200", "--explain"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["before_tax"] is True
    assert len(found["monthly"]["cash_usd"]["p10"]) == 24
    assert found["own_versus_rent"]["break_even_utilisation_fraction"] == pytest.approx(0.79, abs=0.005)
    assert found["segments"][0]["churn_is_assumption"] is True
    assert found["runway_months"]["probability_within_horizon"] <= 1
    assert main(["venture", str(path), "--paths", "50"]) == 0
    assert "before tax" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("usd_per_month = 50", "usd_per_mont = 50"), "segments[0].plan.usd_per_mont"),
        (('name = "Seats"', ""), "segments[0].name"),
        (("venture_rate_per_year = 0.4", "venture_rate_per_year = 0.4\nfailure_per_year = 0.2"), "one or the other"),
        (("{beta = [12, 388]}", "{beta = [12]}"), "churn_per_month"),
        (('"5M"', '"many"'), "tokens_per_customer_month"),
    ],
)
def test_a_wrong_file_exits_2_and_names_the_field(tmp_path, capsys, change, message):
    path = tmp_path / "venture.toml"
    path.write_text(FILE.replace(*change))
    assert main(["venture", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_the_example_of_the_docs_runs(capsys):
    example = Path(__file__).parents[2] / "docs" / "numbers" / "examples" / "venture.toml"
    assert main(["venture", str(example), "--json", "--paths", "300"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"own_versus_rent", "market", "data_value", "barrier", "break_even_volume"} <= set(found)
