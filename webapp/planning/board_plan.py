"""The numbers of the plan page and the decision card, each with its formula, assumptions and source."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from economics.plan.options import HOURS_PER_MONTH
from webapp.planning.inputs import PlanInputs
from webapp.planning.shown import (
    Board,
    Currency,
    Shown,
    count_range,
    month_number,
    months_text,
    number_interval,
    time_interval,
)
from webapp.ui.templatetags.figures import count, percent, significant

BOTH = "economics.plan"

ENERGY_UNITS = ((1e3, "MWh"), (1.0, "kWh"), (1e-3, "Wh"))
"""(kWh of one, its sign)."""


def titles() -> dict[str, str]:
    """Names of the options, for people."""
    return {
        "scratch": _("Train from scratch"),
        "continue": _("Continue an open model"),
        "fine-tune": _("Fine-tune an open model"),
        "lora": _("LoRA on an open model"),
        "distil": _("Distil a small model"),
        "api": _("Buy an API"),
        "wait": _("Wait, then tune"),
    }


def plan_board(inputs: PlanInputs, results: dict[str, Any]) -> Board:
    """Return what the plan page says of the best mix."""
    money, best, band = Currency.of(inputs), results["scale"]["best"], results["scale"]["band"]
    law, price, board = results["law"], results["price"], Board()
    law_text = _("law: %(label)s, %(n)d runs") % {"label": law["label"], "n": law["num_points"]}
    price_text = _("price: %(price)s a GPU-hour, %(note)s") % {
        "price": money.text(price["usd_per_hour"], 3), "note": price["note"],
    }  # fmt: skip
    multiplier = _("all compute over the final run: %s (1.5 to 5), common practice") % inputs.rnd_multiplier
    near = _("all within 10 % of the best")
    board.add(Shown(
        key="num_params", label=_("Parameters"), text=count_range(band["num_params"]), detail=near,
        value=best["num_params"], formula=_("every size whose best loss is reached by 10 % less money at most"),
        assumptions=(law_text, price_text), source=BOTH,
    ))  # fmt: skip
    board.add(Shown(
        key="num_tokens", label=_("Training tokens"), text=count_range(band["num_tokens"]),
        detail=_("%s epochs") % significant(best["num_epochs"], 2), value=best["num_tokens"],
        formula=_("the tokens that go with these sizes; epochs = tokens / unique tokens"),
        assumptions=(_("unique tokens: %s, given") % count(inputs.unique_tokens, 2), law_text), source=BOTH,
    ))  # fmt: skip
    loss, span = number_interval(best["loss"])
    board.add(Shown(
        key="loss", label=_("Loss it reaches"), text=loss, detail=span, value=best["loss"]["p50"],
        formula="L = E + A / N^α + B / D^β, × noise of runs × noise of the law's form",
        assumptions=(law_text, _("unit: %s") % law["loss_unit"].replace("_", " ")), source="economics.scaling.predict",
    ))  # fmt: skip
    text, span = money.interval(best["training_usd"])
    board.add(Shown(
        key="training_usd", label=_("Training, all of it"), text=text, detail=span, value=best["training_usd"]["p50"],
        formula=_("6 N D / speed × price × (all compute / final run)"), assumptions=(price_text, multiplier), source=BOTH,
    ))  # fmt: skip
    text, span = time_interval(best["wall_seconds"])
    board.add(Shown(
        key="wall_seconds", label=_("Final run"), text=text, detail=span, value=best["wall_seconds"]["p50"],
        formula=_("6 N D / (speed × devices), failures and restarts included"),
        assumptions=(_("speed: full estimates of training at 4 sizes × 3 counts, between them interpolated"),),
        source="economics.training",
    ))  # fmt: skip
    board.add(Shown(
        key="hardware", label=_("Hardware"), text=f"{best['num_accelerators']:.0f} × {best['accelerator']}",
        detail=best["term"], value=best["num_accelerators"], formula=_("the count that serves the goal best, all scanned"),
        assumptions=(price_text,), source="economics.catalogue",
    ))  # fmt: skip
    _risks(board, best)
    if "training" in results:
        _trained(board, results["training"])
    return board


def _risks(board: Board, best: dict[str, Any]) -> None:
    how = _("share of %s joint draws of price, speed and multiplier within the limit")
    board.add(Shown(
        key="over_budget", label=_("Risk of overrun, money"), text=percent(1 - best["probability_within_budget"]),
        value=1 - best["probability_within_budget"], formula=how % "4,000", source=BOTH,
        assumptions=(_("the multiplier's spread is most of it"),),
    ))  # fmt: skip
    board.add(Shown(
        key="over_time", label=_("Risk of overrun, time"), text=percent(1 - best["probability_within_deadline"]),
        value=1 - best["probability_within_deadline"], formula=how % "4,000", source=BOTH,
    ))  # fmt: skip


def _trained(board: Board, trained: dict[str, Any]) -> None:
    ways = trained["parallelism"]
    layout = " · ".join(f"{name} {value}" for name, value in ways.items() if isinstance(value, int) and value > 1)
    board.add(Shown(
        key="layout", label=_("Layout"), text=layout or _("one device"),
        detail=_("micro-batch %s") % trained["micro_batch"], value=None,
        formula=_("the fastest of all layouts that fit, as practice would choose it"), source="economics.throughput.search",
    ))  # fmt: skip
    memory, of = trained["memory_bytes_per_accelerator"]["total"], trained["memory_bytes"]
    verdict = _("fits") if trained["fits"] else _("does not fit")
    board.add(Shown(
        key="memory", label=_("Memory of a device"), text=f"{memory / 1e9:.1f} GB",
        detail=_("%(verdict)s: of %(of)s GB") % {"verdict": verdict, "of": f"{of / 1e9:.0f}"}, value=memory,
        formula=_("weights + gradients + optimiser + activations + logits + buffers, by part below"),
        source="economics.memory",
    ))  # fmt: skip
    if trained["energy_kwh"]:
        kwh = trained["energy_kwh"]
        size, unit = next((size, unit) for size, unit in ENERGY_UNITS if kwh["p50"] >= size or unit == "Wh")
        text, span = number_interval({k: v / size for k, v in kwh.items()}, unit)
        board.add(Shown(
            key="energy", label=_("Energy"), text=text, detail=span, value=trained["energy_kwh"]["p50"],
            formula=_("hours × server power × load × PUE"), source="economics.energy",
        ))  # fmt: skip


def decision_board(inputs: PlanInputs, results: dict[str, Any]) -> Board:
    """Return the figures of the decision card."""
    money, decided, cash, board = Currency.of(inputs), results["decision"], results["cash"], Board()
    paths = f"{cash['num_paths']:,}"
    carried = titles()[decided["carried"]]
    months = int(inputs.horizon_months)
    of = _("of %(option)s, over %(n)d months, %(paths)s paths, before tax") % {
        "option": carried, "n": months, "paths": paths,
    }  # fmt: skip
    runway = cash["runway_months"]
    board.add(Shown(
        key="cash_out", label=_("Cash-out month"), value=runway["p50"],
        text=" / ".join(months_text(month_number(runway[name])) for name in ("p10", "p50", "p90")),
        detail=_("runs out in %s of paths") % percent(runway["probability_within_horizon"]),
        formula=_("first month with cash below 0, path by path; – is not within the horizon"), assumptions=(of,),
        source="economics.venture.metrics",
    ))  # fmt: skip
    board.add(Shown(
        key="minimum_raise", label=_("Minimum raise"), text=money.text(cash["minimum_raise_usd"], 2),
        value=cash["minimum_raise_usd"], detail=_("nine paths in ten stay above 0"),
        formula=_("p90 of the deepest cash need − cash in hand"), assumptions=(of,), source="economics.venture.metrics",
    ))  # fmt: skip
    if cash["delay"]:
        text, span = money.interval(cash["delay"])
        board.add(Shown(
            key="delay", label=_("A month's delay"), text=text, detail=span, value=cash["delay"]["p50"],
            formula=_("NPV as planned − NPV with the launch a month later, same random numbers"), assumptions=(of,),
            source="economics.venture",
        ))  # fmt: skip
    first = decided["break_even"]["first_tokens_per_month"]
    board.add(Shown(
        key="break_even", label=_("Own machines pay from"), value=first,
        text=_("%s tokens a month") % count(first, 2) if first else _("no volume"),
        formula=_("the least volume at which whole replicas cost no more than the API"),
        assumptions=(
            _("replica: %s tokens/s at full load") % count(decided["tokens_per_second_per_replica"], 2),
            _("busiest hour %(peak)s × the mean, at least %(n)d replicas, %(h)s h a month")
            % {"peak": inputs.peak_over_mean, "n": inputs.least_replicas, "h": HOURS_PER_MONTH},
            _("API: %s a million tokens, mixed") % money.text(decided["break_even"]["api_usd_per_million"], 2),
        ), source="economics.venture.staircase",
    ))  # fmt: skip
    board.add(Shown(
        key="regret", label=_("Expected regret"), text=money.text(decided["expected_regret_usd"], 2),
        value=decided["expected_regret_usd"], detail=_("of choosing it now"),
        formula=_("mean over the joint draws of its cost − the cheapest option's"),
        assumptions=(_("the same price, volume and efficiency for all options in a draw"),), source="economics.plan.compare",
    ))  # fmt: skip
    board.add(_stop(inputs, results, money))
    return board


def _stop(inputs: PlanInputs, results: dict[str, Any], money: Currency) -> Shown:
    rule = results["decision"]["stop"]
    kind, label = rule["kind"], _("Stop if")
    if kind == "loss":
        text = _("> %(bits)s bits per byte after %(usd)s") % {
            "bits": significant(rule["bits_per_byte"], 3), "usd": money.text(rule["after_usd"], 2),
        }  # fmt: skip
        return Shown(
            key="stop", label=label, text=text, value=rule["bits_per_byte"],
            formula=_("p90 of the law's loss a quarter into the final run, / ln 2 / bytes of a token"),
            assumptions=(_("%s bytes of a token") % inputs.bytes_per_token,), source="economics.scaling.predict",
        )  # fmt: skip
    texts = {
        "money": _("not better than the open model after %s"),
        "wait": _("look again in month %s"),
        "api": _("look again in month %s, or when prices move"),
    }
    value = rule["after_usd"] if kind == "money" else rule["after_months"]
    shown = money.text(value, 2) if kind == "money" else f"{value:g}"
    return Shown(
        key="stop", label=label, text=texts[kind] % shown, value=value, source="economics.plan.options",
        formula=_("p90 of what the option costs before it serves") if kind == "money" else _("as the plan says"),
    )  # fmt: skip


def option_rows(inputs: PlanInputs, results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the options as the card lists them, the least regret first."""
    money, names = Currency.of(inputs), titles()
    rows = []
    for row in results["decision"]["options"]:
        text, span = money.interval(row["cost_usd"])
        once, once_span = money.interval(row["once_usd"])
        rows.append({
            "name": row["name"], "title": names[row["name"]], "cost": text, "range": span, "once": once,
            "once_range": once_span, "probability": row["probability_cheapest"],
            "regret": money.text(row["expected_regret_usd"], 2), "note": _option_note(inputs, row["table"]),
            "value": row["cost_usd"]["p50"],
        })  # fmt: skip
    return rows


def _option_note(inputs: PlanInputs, table: dict[str, Any]) -> str:
    if table["kind"] == "api":
        return _("%s in, %s out a million") % (
            Currency.of(inputs).text(table["usd_per_million_input_tokens"], 2),
            Currency.of(inputs).text(table["usd_per_million_output_tokens"], 2),
        )  # fmt: skip
    if table["kind"] == "wait":
        return _("%s months on the API first") % f"{table['months']:g}"
    return _("%(n)s on %(d)s tokens") % {"n": count(table["num_params"], 2), "d": count(table["num_tokens"], 2)}


def flip_texts(inputs: PlanInputs, results: dict[str, Any]) -> list[str]:
    """Return what flips the decision, the nearest first, in what people negotiate."""
    money, names, found = Currency.of(inputs), titles(), []
    for row in results["decision"]["thresholds"]:
        side = _("above") if row["flips_at"] > row["central"] else _("below")
        to = names.get(row["to_option"], row["to_option"])
        if row["input"] == "volume_factor":
            at = _("%s tokens a month") % count(row["shown"], 2)
        elif row["input"] == "usd_per_accelerator_hour":
            at = _("%s a GPU-hour") % money.text(row["shown"], 3)
        elif row["input"] == "api_price_factor":
            at = _("%s per million API tokens") % money.text(row["shown"], 2)
        else:
            at = f"{row['input'].replace('_', ' ')} {significant(row['flips_at'], 2)}"
        found.append(_("%(to)s, %(side)s %(at)s") % {"to": to, "side": side, "at": at})
    return found
