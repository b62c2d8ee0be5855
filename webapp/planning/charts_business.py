"""Charts of the business page and of the advantage page."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from webapp.planning.business import SCENARIO_TEXT
from webapp.planning.charts import Chart, axis, chart
from webapp.planning.inputs import PlanInputs
from webapp.planning.shown import Currency


def business_charts(inputs: PlanInputs, results: dict[str, Any]) -> dict[str, Chart]:
    money, business = Currency.of(inputs), results["business"]
    return {
        "fan": fan_chart(results, money),
        "profit": profit_chart(business["venture"]["monthly"], money),
        "margins": margins_chart(business["venture"]["margins"]),
        "scenarios": scenarios_chart(business["scenarios"], money),
        "deciles": deciles_chart(business["deciles"], money),
    }


def fan_chart(results: dict[str, Any], money: Currency) -> Chart:
    monthly = results["business"]["venture"]["monthly"]["cash_usd"]
    ruin = results["cash"]["fan"]["ruin"]
    months = list(range(1, len(ruin) + 1))
    low, mid, high = ([money.amount(v) for v in monthly[name]] for name in ("p10", "p50", "p90"))
    return chart(
        _("Cash, and the chance that it has run out"), axis(_("Month")),
        axis(_("Cash, %s") % money.code, prefix=money.sign),
        [
            {"t": "band", "name": "p10–p90", "x": months, "low": low, "high": high, "c": 1},
            {"t": "line", "name": "p50", "x": months, "y": mid, "c": 1, "dash": True},
            {"t": "line", "name": _("chance that it has run out"), "x": months, "y": ruin, "c": 2, "right": True},
        ],
        [_("month"), "p10", "p50", "p90", _("chance that it has run out")],
        list(zip(months, low, mid, high, ruin, strict=True)), name="fan", zero=True,
        right=axis(_("Chance")),
    )  # fmt: skip


def profit_chart(monthly: dict[str, Any], money: Currency) -> Chart:
    months = list(range(1, len(monthly["revenue_usd"]["p50"]) + 1))
    names = {
        "revenue_usd": _("revenue"), "cost_of_goods_usd": _("cost of goods"), "research_usd": _("research"),
        "sales_usd": _("sales"), "general_usd": _("general"), "operating_profit_usd": _("operating profit"),
    }  # fmt: skip
    series = {key: [money.amount(v) for v in monthly[key]["p50"]] for key in names}
    return chart(
        _("Profit and loss by month, p50 of each line"), axis(_("Month")),
        axis(_("%s a month") % money.code, prefix=money.sign),
        [
            {"t": "line", "name": names[key], "x": months, "y": values, "c": at + 1,
             "width": 3 if key == "operating_profit_usd" else 1.5}
            for at, (key, values) in enumerate(series.items())
        ],
        [_("month"), *names.values()], list(zip(months, *series.values(), strict=True)), name="profit", zero=True,
    )  # fmt: skip


def margins_chart(margins: dict[str, list[float | None]]) -> Chart:
    gross, loaded = margins["gross_margin_fraction"], margins["fully_loaded_margin_fraction"]
    months = list(range(1, len(gross) + 1))
    return chart(
        _("Margins"), axis(_("Month")), axis(_("Share of revenue"), percent=True),
        [
            {"t": "line", "name": _("gross"), "x": months, "y": gross, "c": 1},
            {"t": "line", "name": _("fully loaded, training spread"), "x": months, "y": loaded, "c": 2},
        ],
        [_("month"), _("gross"), _("fully loaded")], list(zip(months, gross, loaded, strict=True)), name="margins",
        note=_("A line of comparison: software that serves models reports gross margins of about 50 to 60 %."),
    )  # fmt: skip


def scenarios_chart(rows: list[dict[str, Any]], money: Currency) -> Chart:
    months = list(range(1, len(rows[0]["cash_p50"]) + 1))
    series = [[money.amount(v) for v in row["cash_p50"]] for row in rows]
    return chart(
        _("Scenarios, on the same random numbers"), axis(_("Month")),
        axis(_("Cash p50, %s") % money.code, prefix=money.sign),
        [
            {"t": "line", "name": row["name"], "x": months, "y": values, "c": at + 1}
            for at, (row, values) in enumerate(zip(rows, series, strict=True))
        ],
        [_("month"), *(row["name"] for row in rows)], list(zip(months, *series, strict=True)), name="scenarios", zero=True,
    )  # fmt: skip


def deciles_chart(rows: list[dict[str, Any]], money: Currency) -> Chart:
    names = [str(row["number"]) for row in rows]
    margins = [row["margin_fraction"] for row in rows]
    return chart(
        _("Margin by tenths of customers, lightest users first"), axis(_("Tenth of the customers by use"), category=True),
        axis(_("Gross margin"), percent=True),
        [{"t": "bars", "name": _("margin"), "x": names, "y": margins, "c": 1}],
        [_("tenth"), _("tokens a month"), _("pays, %s") % money.code, _("costs, %s") % money.code, _("margin")],
        [
            [r["number"], r["tokens"], money.amount(r["revenue_usd"]), money.amount(r["cost_usd"]), r["margin_fraction"]]
            for r in rows
        ],
        name="deciles",
    )  # fmt: skip


def scenario_rows(inputs: PlanInputs, results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scenarios as the table beside the chart."""
    from webapp.planning.shown import months_text

    money, rows = Currency.of(inputs), []
    for row in results["business"]["scenarios"]:
        npv, span = money.interval(row["npv_usd"])
        runway = row["runway_months"]
        rows.append({
            "name": row["name"], "what": SCENARIO_TEXT[row["name"]], "ruin": row["ruin"], "npv": npv, "npv_range": span,
            "runway": " / ".join(months_text(runway[k]) for k in ("p10", "p50", "p90")),
            "raise": money.text(row["minimum_raise_usd"], 2),
        })  # fmt: skip
    return rows


def advantage_charts(inputs: PlanInputs, results: dict[str, Any]) -> dict[str, Chart]:
    money, found = Currency.of(inputs), results["advantage"]
    charts = {"barrier": barrier_chart(found["barrier"], money), "factors": factors_chart(found["factors"])}
    if found["market"]["rows"]:
        charts["market"] = market_chart(found["market"])
    charts["levers"] = levers_chart(found["levers"], money)
    return charts


def barrier_chart(data: dict[str, Any], money: Currency) -> Chart:
    rows = data["rows"]
    months = [row["month"] for row in rows]
    low, mid, high = ([money.amount(row[k]) for row in rows] for k in ("p10", "p50", "p90"))
    budget = [money.amount(data["budget_usd"])] * len(months)
    return chart(
        _("What the same result costs a follower, later"), axis(_("Months after you")),
        axis(_("Cost, %s") % money.code, log=True, prefix=money.sign),
        [
            {"t": "band", "name": "p10–p90", "x": months, "low": low, "high": high, "c": 1},
            {"t": "line", "name": "p50", "x": months, "y": mid, "c": 1, "dash": True},
            {"t": "line", "name": _("the follower's budget"), "x": months, "y": budget, "c": 2},
        ],
        [_("months"), "p10", "p50", "p90"], list(zip(months, low, mid, high, strict=True)), name="barrier",
    )  # fmt: skip


def market_chart(data: dict[str, Any]) -> Chart:
    rows = data["rows"]
    months = [row["month"] + 1 for row in rows]
    needed, reached = [row["share"] for row in rows], [row["reached"] for row in rows]
    return chart(
        _("Share of the reachable customers"), axis(_("Month")), axis(_("Share"), percent=True),
        [
            {"t": "line", "name": _("needed to break even"), "x": months, "y": needed, "c": 2},
            {"t": "line", "name": _("reached by the plan"), "x": months, "y": reached, "c": 1},
        ],
        [_("month"), _("needed"), _("reached")], list(zip(months, needed, reached, strict=True)), name="market",
    )  # fmt: skip


def factors_chart(rows: list[dict[str, Any]]) -> Chart:
    kept = [row for row in rows if row["elasticity"] is not None][::-1]
    names, values = [row["name"] for row in kept], [row["elasticity"] for row in kept]
    return chart(
        _("Success factors"), axis(_("% for 1 % of the lever")), axis("", category=True),
        [{"t": "bars", "name": _("elasticity"), "x": values, "y": names, "c": 1, "h": True}],
        [_("lever"), _("elasticity")], [[row["name"], row["elasticity"]] for row in rows], name="factors",
    )  # fmt: skip


def levers_chart(rows: list[dict[str, Any]], money: Currency) -> Chart:
    kept = [row for row in rows if row["saved_usd"]]
    names = [row["name"] + ("" if row["is_measured"] else f" ({_('estimate')})") for row in kept]
    values = [money.amount(row["saved_usd"]["p50"]) for row in kept]
    return chart(
        _("Dollars saved at equal quality"), axis("", category=True), axis(money.code, prefix=money.sign),
        [{"t": "bars", "name": _("saved"), "x": names, "y": values, "c": 3}],
        [_("lever"), _("saved"), _("how")], [[n, v, r["how"]] for n, v, r in zip(names, values, kept, strict=True)],
        name="levers",
    )  # fmt: skip
