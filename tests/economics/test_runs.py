"""Runs: failures and checkpoints against exact formulas, published runs within their intervals, money and energy."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from economics.catalogue.accelerators import find_accelerator
from economics.energy import run_energy
from economics.ownership import annuity_factor, break_even_utilisation, owned_hour
from economics.training.billing import charged_hours, run_bill
from economics.training.goodput import daly_interval_seconds, expected_wall_factor, run_goodput, young_interval_seconds
from economics.verbs import quote, training

DAY = dt.date(2026, 11, 23)


@given(checkpoint=st.floats(1, 300), hours=st.floats(1, 500))
@settings(max_examples=40, deadline=None)
def test_dalys_interval_is_near_the_exact_optimum(checkpoint: float, hours: float) -> None:
    m = hours * 3600
    grid = np.geomspace(young_interval_seconds(checkpoint, m) / 4, young_interval_seconds(checkpoint, m) * 4, 400)
    best = min(expected_wall_factor(float(tau), checkpoint, 900.0, m) for tau in grid)
    assert expected_wall_factor(daly_interval_seconds(checkpoint, m), checkpoint, 900.0, m) <= best * 1.002


def test_the_expected_wall_time_is_what_a_simulation_takes() -> None:
    rng = np.random.default_rng(1)
    tau, d, r, m = 1800.0, 60.0, 900.0, 12_000.0
    clock, segments = 0.0, 4000
    for _ in range(segments):
        while True:
            fails = rng.exponential(m)
            if fails > tau + d:
                clock += tau + d
                break
            clock += fails
            while (again := rng.exponential(m)) < r:
                clock += again
            clock += r
    assert clock / (segments * tau) == pytest.approx(expected_wall_factor(tau, d, r, m), rel=0.02)


@given(devices=st.sampled_from([8, 64, 1024, 16384]), bytes_=st.floats(1e9, 1e13))
@settings(max_examples=30, deadline=None)
def test_shares_of_time_sum_to_one(devices: int, bytes_: float) -> None:
    good = run_goodput(num_accelerators=devices, checkpoint_bytes=bytes_, storage_bytes_per_second=1e10)
    total = good.goodput_fraction + good.checkpoint_fraction + good.restart_fraction + good.rework_fraction
    assert total == pytest.approx(1.0)
    twice = run_goodput(num_accelerators=devices * 2, checkpoint_bytes=bytes_, storage_bytes_per_second=1e10)
    assert twice.goodput_fraction <= good.goodput_fraction + 1e-12


# accelerator-hours of published runs: model, tokens, hours, devices
PUBLISHED = [("llama-7b", 1e12, 82_432, 1024), ("llama-13b", 1e12, 135_168, 1024),
             ("llama-33b", 1.4e12, 530_432, 2048), ("llama-65b", 1.4e12, 1_022_362, 2048)]  # fmt: skip


@pytest.mark.parametrize(("model", "tokens", "hours", "devices"), PUBLISHED)
def test_published_hours_are_within_the_interval(model: str, tokens: float, hours: float, devices: int) -> None:
    result = training(
        model=model, tokens=tokens, accelerator="a100", num_accelerators=devices, batch_tokens="4M", on_day=DAY
    )
    found = result["accelerator_hours"]
    assert found["p10"] < hours < found["p90"]
    assert result["fits"]


def test_cost_is_linear_in_price_and_hours_in_tokens() -> None:
    options = {"params": "3B", "accelerator": "h100", "num_accelerators": 64, "batch_tokens": "2M", "on_day": DAY}
    one = training(tokens="100B", price_usd_per_accelerator_hour=2, **options)  # type: ignore[arg-type]
    two = training(tokens="200B", price_usd_per_accelerator_hour=2, **options)  # type: ignore[arg-type]
    dear = training(tokens="100B", price_usd_per_accelerator_hour=6, **options)  # type: ignore[arg-type]
    for q in ("p10", "p50", "p90"):
        assert two["accelerator_hours"][q] == pytest.approx(2 * one["accelerator_hours"][q])
        assert dear["cost_usd"][q] == pytest.approx(3 * one["cost_usd"][q])
        assert one["cost_usd"][q] == pytest.approx(2 * one["accelerator_hours"][q])


def test_steady_state_has_no_losses() -> None:
    options = {"params": "3B", "tokens": "100B", "accelerator": "h100", "num_accelerators": 64, "on_day": DAY}
    steady = training(steady_state=True, **options)  # type: ignore[arg-type]
    assert steady["goodput_fraction"] == {"p10": 1.0, "p50": 1.0, "p90": 1.0}
    assert steady["accelerator_hours"]["p50"] < training(**options)["accelerator_hours"]["p50"]  # type: ignore[arg-type]


def test_own_hardware_golden_figure_and_parts() -> None:
    golden = {"purchase_usd": 30_000.0, "life_years": 4.0, "residual_fraction": 0.2, "cost_of_capital": 0.15}
    share = break_even_utilisation(**golden, other_usd_per_year=4_000, rent_usd_per_hour=2.5, rent_yearly_decline=0.2)
    assert share == pytest.approx(0.79, abs=0.005)
    hour = owned_hour(**golden, watts=1000, electricity_usd_per_kwh=0.2, utilisation=0.5)
    assert hour.electricity_usd_per_hour == pytest.approx(0.2)
    assert hour.total_usd_per_hour == pytest.approx(
        hour.capital_usd_per_hour + hour.electricity_usd_per_hour + hour.other_usd_per_hour
    )
    assert annuity_factor(1e-9, 5) == pytest.approx(0.2, rel=1e-6)


def test_terms_of_billing() -> None:
    assert charged_hours(wall_hours=10, num_accelerators=4, term="spot", preempted_fraction=0.25) == 30
    assert charged_hours(wall_hours=10, num_accelerators=4, term="owned", broken_fraction=0.25) == 40
    bill = run_bill(charged_accelerator_hours=10, usd_per_accelerator_hour=2, stored_bytes=1e12, stored_hours=730.5)
    assert bill.total_usd == pytest.approx(20 + 23)


def test_energy_is_the_product_and_carbon_has_two_digits() -> None:
    energy = run_energy(accelerator_hours=1e6, server_watts_per_accelerator=1275, load_fraction=0.8, pue=1.1)
    assert energy.kwh == pytest.approx(1e6 * 1.275 * 0.8 * 1.1)
    assert energy.co2e_kg == 450_000


def test_a_quote_follows_the_teams_own_jobs() -> None:
    facts = {"job": {"tokens": 1e8, "flop_per_token": 6e7}, "device": {"calibrated_flop_per_second": 1e11}}
    before = quote(facts)["seconds"]
    slow = quote({**facts, "past": [{"ratio": 1.3}] * 12})["seconds"]
    assert slow["p50"] == pytest.approx(1.3 * before["p50"], rel=0.06)
    assert slow["p90"] / slow["p10"] < before["p90"] / before["p10"]


def test_terms_change_price_and_losses() -> None:
    options = {"params": "3B", "tokens": "300B", "accelerator": "h100", "num_accelerators": 256, "on_day": DAY}
    demand = training(**options)  # type: ignore[arg-type]
    spot = training(term="spot", preemptions_per_node_day=0.5, **options)  # type: ignore[arg-type]
    owned = training(term="owned", **options)  # type: ignore[arg-type]
    assert spot["goodput_fraction"]["p50"] < demand["goodput_fraction"]["p50"]
    assert spot["accelerator_hours"]["p50"] > demand["accelerator_hours"]["p50"]
    assert owned["cost_usd"]["p50"] < demand["cost_usd"]["p50"]
    assert 1.5 < demand["project_cost_usd"]["p50"] / demand["cost_usd"]["p50"] < 5
    ready = training(term="spot", preemptions_per_node_day=0.5, hot_spares=True, **options)  # type: ignore[arg-type]
    assert ready["goodput_fraction"]["p50"] > spot["goodput_fraction"]["p50"]


def test_what_is_taken_away_is_not_charged() -> None:
    options = {
        "params": "3B", "tokens": "300B", "accelerator": "h100", "num_accelerators": 256, "on_day": DAY,
        "price_usd_per_accelerator_hour": 1.0,
    }  # fmt: skip
    spot = training(term="spot", preemptions_per_node_day=0.5, **options)  # type: ignore[arg-type]
    assert spot["cost_usd"]["p50"] < spot["accelerator_hours"]["p50"]
    reserved = training(term="reserved-1y", **options)  # type: ignore[arg-type]
    assert reserved["cost_usd"]["p50"] == pytest.approx(reserved["accelerator_hours"]["p50"])


def test_fp8_on_a_device_without_it_is_bf16_and_said() -> None:
    given = {"model": "gpt2", "tokens": "1B", "accelerator": "a100", "num_accelerators": 8}
    asked, usual = (training(**given, precision=number) for number in ("fp8", "bf16"))
    assert asked["tokens_per_second_per_accelerator"] == usual["tokens_per_second_per_accelerator"]
    assert any(row["name"] == "precision" for row in asked["assumptions"])
    assert training(**{**given, "accelerator": "h100"}, precision="fp8")["precision"] == "fp8"


def test_a_processor_without_matrix_units_is_as_fast_in_fp32_as_its_vectors() -> None:
    device = find_accelerator("i9-13900K")
    assert device.peak("fp32") == device.peak("bf16")
