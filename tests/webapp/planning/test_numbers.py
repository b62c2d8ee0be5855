"""The numbers of a plan: those of the command line for the same file; quick and full agree; the workbook recalculates."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from economics.verbs.venture import venture_from_table
from tests.factories import Cast
from tests.webapp.planning.plans import DAY, INPUTS, answered, make_plan, price, published
from webapp.planning.answer import quick_answer
from webapp.planning.business import FULL_PATHS, scenarios
from webapp.planning.exports import plan_toml
from webapp.planning.inputs import PlanInputs
from webapp.planning.page import PlanPage
from webapp.planning.prices import price_used
from webapp.planning.tables import toml_text
from webapp.planning.workbook import workbook_bytes

ROOT = Path(__file__).parents[3]


def command_line(verb: str, file: Path) -> dict[str, object]:
    ran = subprocess.run(
        [sys.executable, "-m", "economics", verb, str(file), "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found: dict[str, object] = json.loads(ran.stdout)
    return found


def test_plan_page_equals_the_command_line(cast: Cast, tmp_path: Path) -> None:
    version = make_plan(cast).versions.get()
    file = tmp_path / "plan.toml"
    file.write_text(plan_toml(PlanPage(version.plan, version, INPUTS, True, True)))
    found = command_line("plan", file)
    scale, decided = answered()["scale"], answered()["decision"]
    for name in ("num_params", "num_tokens", "num_accelerators", "loss", "training_usd", "wall_seconds"):
        assert found["best"][name] == scale["best"][name], name  # type: ignore[index]
    assert found["band"] == scale["band"]
    assert found["binding_limits"] == scale["binding_limits"]
    shown = {row["name"]: row for row in decided["options"]}
    for row in found["options"]:  # type: ignore[attr-defined]
        assert row["cost_usd"] == shown[row["name"]]["cost_usd"]
        assert row["probability_cheapest"] == shown[row["name"]]["probability_cheapest"]
    assert [t["flips_at"] for t in found["thresholds"]] == [t["flips_at"] for t in decided["thresholds"]]  # type: ignore[attr-defined]


def test_business_page_equals_the_command_line(tmp_path: Path) -> None:
    business = answered()["business"]
    file = tmp_path / "venture.toml"
    file.write_text(toml_text(business["table"]))
    found = command_line("venture", file)
    for name in ("npv_usd", "runway_months", "break_even_month", "minimum_raise_usd", "monthly", "margins"):
        assert found[name] == business["venture"][name], name


def test_quick_and_full_agree_on_the_medians() -> None:
    full, quick = answered(), quick_answer(INPUTS, published(), price())
    pairs = [
        (full["scale"]["best"][name]["p50"], quick["scale"]["best"][name]["p50"])
        for name in ("loss", "training_usd", "wall_seconds")
    ]
    fast = {row["name"]: row["cost_usd"]["p50"] for row in quick["decision"]["options"]}
    pairs += [(row["cost_usd"]["p50"], fast[row["name"]]) for row in full["decision"]["options"]]
    pairs.append((full["cash"]["minimum_raise_usd"], quick["cash"]["minimum_raise_usd"]))
    pairs.append((full["cash"]["delay"]["p50"], quick["cash"]["delay"]["p50"]))
    pairs += list(zip(full["cash"]["fan"]["p50"][:8], quick["cash"]["fan"]["p50"][:8], strict=True))
    for slow, rapid in pairs:
        assert rapid == pytest.approx(slow, rel=0.10)
    assert quick == quick_answer(INPUTS, published(), price())  # the same random numbers, so that nothing trembles


@pytest.mark.parametrize("goal", ["best-loss", "cheapest-training", "fastest", "cheapest"])
def test_every_goal_is_answered(goal: str) -> None:
    inputs = PlanInputs(goal=goal, loss_bar=2.3)
    found = quick_answer(inputs, published(), price())["scale"]["best"]
    if goal != "best-loss":
        assert found["loss"]["p50"] <= 2.3
    assert found["num_params"] > 0


def test_little_data_make_a_little_plan() -> None:
    """Data prepared here are a few million tokens: a plan of them is small, and says that the data bind."""
    scale = quick_answer(dataclasses.replace(INPUTS, unique_tokens=4.2e6), published(), price())["scale"]
    assert scale["best"]["num_tokens"] <= 16.5 * 4.2e6
    assert "unique_tokens" in scale["binding_limits"]


def test_more_demand_makes_own_machines_win_and_less_the_api() -> None:
    def winner(volume: float) -> str:
        inputs = dataclasses.replace(INPUTS, monthly_tokens=volume, excluded="wait")
        found: str = quick_answer(inputs, published(), price())["decision"]["winner"]
        return found

    assert winner(2e8) == "api"
    assert winner(2e11) not in ("api", "scratch")


def test_excluded_options_are_left_out() -> None:
    inputs = dataclasses.replace(INPUTS, excluded="api, wait, distil")
    names = {row["name"] for row in quick_answer(inputs, published(), price())["decision"]["options"]}
    assert names == {"scratch", "continue", "fine-tune", "lora"}


def test_an_unknown_price_is_not_zero(db: None) -> None:
    from economics.errors import InputError

    with pytest.raises(InputError, match="catalogue knows no"):
        price_used(PlanInputs(accelerator="Rubin SXM"), DAY)
    assert price_used(PlanInputs(gpu_usd_per_hour=2.0), DAY).usd_per_hour == 2.0


def test_scenarios_share_their_luck() -> None:
    rows = {row["name"]: row for row in answered()["business"]["scenarios"]}
    assert rows["optimistic"]["npv_usd"]["p50"] > rows["base"]["npv_usd"]["p50"] > rows["pessimistic"]["npv_usd"]["p50"]
    assert rows["price war"]["npv_usd"]["p50"] < rows["base"]["npv_usd"]["p50"]
    business = answered()["business"]["venture"]
    assert rows["base"]["minimum_raise_usd"] == business["minimum_raise_usd"]  # the plan itself, not another draw of it
    assert rows["base"]["npv_usd"] == business["npv_usd"]
    again = scenarios(answered()["business"]["table"], num_paths=FULL_PATHS)
    assert {row["name"]: row["ruin"] for row in again} == {name: row["ruin"] for name, row in rows.items()}


def test_carried_option_changes_the_business() -> None:
    own = dataclasses.replace(INPUTS, business_option="lora")
    api = dataclasses.replace(INPUTS, business_option="api")
    quick_own, quick_api = (quick_answer(inputs, published(), price()) for inputs in (own, api))
    assert quick_own["decision"]["carried"] == "lora"
    assert quick_own["cash"]["fan"]["p50"] != quick_api["cash"]["fan"]["p50"]


@pytest.mark.parametrize("option", ["lora", "api"])
def test_workbook_recalculates_to_the_same_numbers(cast: Cast, tmp_path: Path, option: str) -> None:
    """An independent engine works out the formulas; every month must be the page's central case."""
    import formulas

    version = make_plan(cast).versions.get()
    if option != answered()["decision"]["carried"]:
        version.results = {**version.results, "business": _business(option)}
    file = tmp_path / "plan.xlsx"
    file.write_bytes(workbook_bytes(version, INPUTS))
    model = formulas.ExcelModel().loads(str(file)).finish()
    solved = {key.upper(): value for key, value in model.calculate().items()}
    central = version.results["business"]["central"]
    from webapp.planning.workbook import MONTH_COLUMNS

    for name in ("customers", "revenue", "cost_of_goods", "operating_profit", "receipts", "cash"):
        column = chr(ord("A") + MONTH_COLUMNS.index(name))
        for month in (0, 1, 7, 17):
            cell = solved[f"'[PLAN.XLSX]MONTHS'!{column}{month + 2}"].value[0, 0]
            assert float(cell) == pytest.approx(central[name][month], rel=1e-6, abs=1e-6), (name, month)
    npv = float(solved["'[PLAN.XLSX]SUMMARY'!B2"].value[0, 0])
    assert npv == pytest.approx(central["npv_usd"], rel=1e-6)


def _business(option: str) -> dict[str, object]:
    from economics.venture import central_venture, venture_simulate
    from economics.venture.toml_file import venture_from
    from webapp.planning.answer import _core
    from webapp.planning.business import central_case

    inputs = dataclasses.replace(INPUTS, business_option=option)
    _found, _decided, table = _core(inputs, published(), price(), 200)
    venture = venture_from(table)
    central = central_case(venture, venture_simulate(central_venture(venture), num_paths=1))
    return {**answered()["business"], "table": table, "central": central}


def test_workbook_is_alive(cast: Cast) -> None:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(workbook_bytes(make_plan(cast).versions.get(), INPUTS)))
    cells = [cell.value for row in book["Months"].iter_rows(min_row=2) for cell in row]
    assert sum(str(value).startswith("=") for value in cells) > 0.9 * len(cells)
    assert venture_from_table(answered()["business"]["table"], num_paths=50)["before_tax"]


def test_own_hardware_and_contracts_give_the_price(cast: Cast) -> None:
    from webapp.catalogue.models import Accelerator, Contract, OwnHardware
    from webapp.catalogue.ownership import hardware_hour

    rack = OwnHardware.objects.create(
        team=cast.team, name="Rack 1", accelerator=Accelerator.objects.get(name="H100 SXM"), purchase_usd=30_000,
        watts=1_000,
    )  # fmt: skip
    owned = price_used(PlanInputs(term="owned"), DAY, cast.team)
    assert owned.usd_per_hour == pytest.approx(hardware_hour(rack).usd_per_hour)
    market = price_used(PlanInputs(), DAY, cast.team)
    Contract.objects.create(
        team=cast.team, provider="Clouds", accelerator=rack.accelerator, discount_fraction=0.4, starts_on=DAY
    )
    agreed = price_used(PlanInputs(), DAY, cast.team)
    assert agreed.usd_per_hour < market.usd_per_hour
    assert "40 % off" in agreed.note
    assert price_used(PlanInputs(), DAY).usd_per_hour == market.usd_per_hour
