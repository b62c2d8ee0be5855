"""Charts as plain data that static/js/plan_plots.js draws: traces, axes with units, and the table behind each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.planning.board_plan import titles
from webapp.planning.inputs import PlanInputs
from webapp.planning.shown import Currency

Chart = dict[str, Any]


def axis(title: str, *, log: bool = False, prefix: str = "", **more: Any) -> dict[str, Any]:
    return {"title": title, "log": log, "prefix": prefix, **more}


def chart(
    title: str, x: dict[str, Any], y: dict[str, Any], traces: list[dict[str, Any]], columns: Sequence[str],
    rows: Sequence[Sequence[Any]], **more: Any,
) -> Chart:  # fmt: skip
    """Put a chart together; rows are what its table and CSV show."""
    short = [[_short(cell) for cell in row] for row in rows]
    return {
        "title": title,
        "x": x,
        "y": y,
        "traces": traces,
        "table": {"columns": list(columns), "rows": short},
        **more,
    }


def _short(cell: Any) -> Any:
    return float(f"{cell:.4g}") if isinstance(cell, float) else cell


def plan_charts(inputs: PlanInputs, results: dict[str, Any]) -> dict[str, Chart]:
    """Return the charts of the plan page that a quick answer has too, and those that only the full one has."""
    money = Currency.of(inputs)
    found = {
        "surface": surface_chart(results, money),
        "cash": cash_chart(results, money),
        "serve": serve_chart(results, money),
    }
    if results.get("is_full"):
        found |= {
            "frontier": frontier_chart(results, money),
            "tornado_usd": tornado_chart(results["tornado_usd"], _("Change of cost"), money),
            "tornado_months": tornado_chart(results["tornado_months"]["bars"], _("Months of runway"), None)
            | {"note": runway_note(results["tornado_months"])},
            "waterfall": waterfall_chart(results["training"]["waterfall"]),
            "memory": memory_chart(results["training"]),
        }
    found["parts"] = parts_chart(results["parts"], money)
    return found


def surface_chart(results: dict[str, Any], money: Currency) -> Chart:
    """Equal loss, equal cost, and the band where they touch."""
    data, best, band = results["surface"], results["scale"]["best"], results["scale"]["band"]
    traces: list[dict[str, Any]] = [
        {"t": "contour", "name": _("equal loss"), "x": data["num_params"], "y": data["num_tokens"], "z": data["loss"]}
    ]
    rows: list[list[Any]] = []
    for line in data["isocost"]:
        label = money.text(line["usd"], 2)
        traces.append({
            "t": "line", "name": _("costs %s") % label, "x": data["num_params"], "y": line["num_tokens"], "c": 2,
            "dash": not line["is_plan"], "width": 3 if line["is_plan"] else 1.5, "clip": True,
        })  # fmt: skip
        middle = len(data["num_params"]) // 2
        rows += [
            [label, data["num_params"][at], line["num_tokens"][at]]
            for at in (0, middle // 2, middle, middle + middle // 2, len(data["num_params"]) - 1)
        ]
    plan_line = next(line for line in data["isocost"] if line["is_plan"])
    inside = [
        (n, d) for n, d in zip(data["num_params"], plan_line["num_tokens"], strict=True)
        if d is not None and band["num_params"][0] * 0.9 <= n <= band["num_params"][1] * 1.1
    ]  # fmt: skip
    traces.append({
        "t": "line", "name": _("within 10 % of the best"), "x": [n for n, _d in inside], "y": [d for _n, d in inside],
        "c": 3, "width": 12, "opacity": 0.4,
    })  # fmt: skip
    traces.append({
        "t": "points", "name": _("the plan"), "x": [best["num_params"]], "y": [best["num_tokens"]], "c": 3, "size": 11,
    })  # fmt: skip
    rows.append([_("the plan"), best["num_params"], best["num_tokens"]])
    points = data["own_points"]
    if points:
        traces.append({
            "t": "points", "name": _("your ladder"), "x": [p[0] for p in points], "y": [p[1] for p in points], "c": 1,
            "size": 8, "hollow": True,
        })  # fmt: skip
        rows += [[_("your ladder"), *point] for point in points]
    unique = results["unique_tokens"]
    return chart(
        _("Where does the budget touch the loss?"), axis(_("Parameters"), log=True, ends=_ends(data["num_params"])),
        axis(_("Training tokens"), log=True, ends=_ends(data["num_tokens"])), traces,
        [_("line"), _("parameters"), _("tokens")], rows, height="tall", name="surface",
        marks=[{"y": unique, "text": _("own unique data: above it, tokens repeat")}],
    )  # fmt: skip


def _ends(values: Sequence[float]) -> list[float]:
    return [values[0], values[-1]]


def frontier_chart(results: dict[str, Any], money: Currency) -> Chart:
    """All alternatives: how many lie where, and those that no other beats."""
    data, front = results["alternatives"], results["scale"]["pareto"]
    best = results["scale"]["best"]
    usd = [money.amount(x) for x in data["usd"]]
    spent = [money.amount(row["training_usd"]) for row in front]
    rows = [[money.amount(r["training_usd"]), r["loss"], r["num_params"], r["num_tokens"]] for r in front]
    return chart(
        _("All alternatives"), axis(_("Training cost, %s") % money.code, log=True, prefix=money.sign), axis(_("Loss")),
        [
            {"t": "heat", "name": _("configurations"), "x": usd, "y": data["loss"], "z": data["count"]},
            {"t": "line", "name": _("frontier"), "x": spent, "y": [r["loss"] for r in front], "c": 1, "markers": True},
            {
                "t": "points", "name": _("the plan"), "x": [money.amount(best["training_usd"]["p50"])],
                "y": [best["loss"]["p50"]], "c": 3, "size": 11,
            },
        ],
        [_("cost"), _("loss"), _("parameters"), _("tokens")], rows, name="frontier",
        note=_("%s configurations were costed.") % f"{data['num_configurations']:,}",
    )  # fmt: skip


def cash_chart(results: dict[str, Any], money: Currency) -> Chart:
    fan = results["cash"]["fan"]
    months = list(range(1, len(fan["p50"]) + 1))
    low, mid, high = ([money.amount(v) for v in fan[name]] for name in ("p10", "p50", "p90"))
    return chart(
        _("Cash"), axis(_("Month")), axis(_("Cash, %s") % money.code, prefix=money.sign),
        [
            {"t": "band", "name": "p10–p90", "x": months, "low": low, "high": high, "c": 1},
            {"t": "line", "name": "p50", "x": months, "y": mid, "c": 1, "dash": True},
        ],
        [_("month"), "p10", "p50", "p90", _("chance that it has run out")],
        list(zip(months, low, mid, high, fan["ruin"], strict=True)), name="cash", zero=True,
    )  # fmt: skip


def serve_chart(results: dict[str, Any], money: Currency) -> Chart:
    data = results["decision"]["break_even"]
    own, api = ([money.amount(v) for v in data[name]] for name in ("own_usd", "api_usd"))
    marks = []
    if data["first_tokens_per_month"]:
        marks.append({"x": data["first_tokens_per_month"], "text": _("break-even")})
    return chart(
        _("Serve it or buy it?"), axis(_("Tokens a month")), axis(_("%s a month") % money.code, prefix=money.sign),
        [
            {"t": "line", "name": "API", "x": data["tokens"], "y": api, "c": 2},
            {"t": "line", "name": _("own GPUs"), "x": data["tokens"], "y": own, "c": 1},
        ],
        [_("tokens a month"), "API", _("own GPUs")], list(zip(data["tokens"], api, own, strict=True)), name="serve",
        marks=marks,
    )  # fmt: skip


INPUT_NAMES: dict[str, Promise | str] = {
    "usd_per_accelerator_hour": gettext_lazy("GPU-hour price"),
    "training_flop_per_second": gettext_lazy("training speed"),
    "decode_flop_per_second": gettext_lazy("speed of writing"),
    "prefill_flop_per_second": gettext_lazy("speed of reading"),
    "accelerators_per_replica": gettext_lazy("GPUs of a replica"),
    "ablation_multiplier": gettext_lazy("small and failed runs"),
    "volume_factor": gettext_lazy("tokens served"),
    "api_price_factor": gettext_lazy("API price"),
    "rent_decline_per_year": gettext_lazy("fall of rents"),
    "algorithms_halving_months": gettext_lazy("better algorithms"),
}
"""What people call the draws of `economics.plan.options.INPUTS`; the levers of a venture go by their own names."""


def tornado_chart(bars: list[dict[str, Any]], title: str, money: Currency | None) -> Chart:
    """How far each input alone moves the answer, the longest bar on top."""
    kept = bars[:10][::-1]
    names = [str(INPUT_NAMES.get(bar["name"], bar["name"].replace("_", " "))) for bar in kept]
    low, high = ([money.amount(b[k]) if money else b[k] for b in kept] for k in ("low", "high"))
    unit = f"{title}, {money.code}" if money else title
    return chart(
        title, axis(unit, prefix=money.sign if money else ""), axis("", category=True),
        [
            {"t": "bars", "name": _("input at p10"), "x": low, "y": names, "c": 2, "h": True},
            {"t": "bars", "name": _("input at p90"), "x": high, "y": names, "c": 1, "h": True},
        ],
        [_("input"), _("p10 of the input"), _("p90 of the input"), _("answer at p10"), _("answer at p90")],
        [[b["name"], b["input_low"], b["input_high"], lo, hi] for b, lo, hi in zip(kept, low, high, strict=True)][::-1],
        name="tornado", overlay=True,
    )  # fmt: skip


def runway_note(found: dict[str, Any]) -> str:
    """Say what the bars are counted from."""
    months, horizon = found["months"], int(found["horizon"])
    if months is None:
        return str(_("From %d months: in most paths the cash lasts as long as we look.") % horizon)
    return str(_("From %d months, the p50 of the runway.") % round(months))


def waterfall_chart(data: dict[str, Any]) -> Chart:
    """From the peak of the data sheet to what a whole run gets of it."""
    names = [_("peak, bf16 dense"), _("matmul ceiling"), _("step"), _("goodput")]
    values = [data[key] / 1e12 for key in ("peak", "ceiling", "step", "goodput")]
    shares = [f"{v / values[0]:.0%}" for v in values]
    return chart(
        _("From peak to goodput"), axis("", category=True), axis(_("TFLOP/s a device")),
        [{"t": "bars", "name": data["device"], "x": names, "y": values, "c": 1, "text": shares}],
        [_("stage"), "TFLOP/s", _("of the peak")], list(zip(names, values, shares, strict=True)), name="waterfall",
        note=_("Peak: %(device)s, %(peak).0f TFLOP/s dense bf16.") % {"device": data["device"], "peak": values[0]},
    )  # fmt: skip


def parts_chart(parts: dict[str, float], money: Currency) -> Chart:
    names = {"final_run": _("final run"), "ablations": _("small runs and failures"), "staff": _("people"),
             "storage": _("kept checkpoints")}  # fmt: skip
    rows = [(name, money.amount(parts[key])) for key, name in names.items() if key in parts]
    return chart(
        _("Cost by part"), axis("", category=True), axis(money.code, prefix=money.sign),
        [{"t": "bars", "name": _("cost"), "x": [r[0] for r in rows], "y": [r[1] for r in rows], "c": 1}],
        [_("part"), money.code], rows, name="parts",
    )  # fmt: skip


def memory_chart(trained: dict[str, Any]) -> Chart:
    totals = ("allocated_peak", "reserved_peak", "device_total", "total")
    known = trained["memory_bytes_per_accelerator"].items()
    held = sorted(((k.replace("_", " "), v / 1e9) for k, v in known if v and k not in totals), key=lambda row: row[1])
    return chart(
        _("Memory of a device"), axis("GB"), axis("", category=True),
        [{"t": "bars", "name": "GB", "x": [v for _k, v in held], "y": [k for k, _v in held], "c": 1, "h": True}],
        [_("part"), "GB"], held[::-1], name="memory",
    )  # fmt: skip


def options_table(results: dict[str, Any]) -> list[list[Any]]:
    """Return the options as rows for CSV and workbook."""
    names = titles()
    return [
        [names[r["name"]], r["cost_usd"]["p10"], r["cost_usd"]["p50"], r["cost_usd"]["p90"], r["probability_cheapest"],
         r["expected_regret_usd"]]
        for r in results["decision"]["options"]
    ]  # fmt: skip
