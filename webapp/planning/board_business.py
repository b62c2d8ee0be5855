"""The numbers of the business and advantage pages, each with where it is from."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.planning.inputs import PlanInputs
from webapp.planning.shown import Board, Currency, Shown, months_text, number_interval
from webapp.ui.templatetags.figures import count, percent, significant

VENTURE = "economics.venture"


def business_board(inputs: PlanInputs, results: dict[str, Any]) -> Board:
    money, board = Currency.of(inputs), Board()
    found = results["business"]["venture"]
    of = _("10,000 paths over %d months, before tax") % found["months"]

    def months(key: str, label: str, values: dict[str, Any], formula: str, shift: float) -> None:
        ends = [values[name] for name in ("p10", "p50", "p90")]
        board.add(Shown(
            key=key, label=label, text=" / ".join(months_text(None if end is None else end + shift) for end in ends),
            detail=_("comes in %s of paths") % percent(values["probability_within_horizon"]), value=values["p50"],
            formula=formula, assumptions=(of,), source=VENTURE,
        ))  # fmt: skip

    months("break_even_month", _("Break-even month"), found["break_even_month"],
           _("first of three months in a row with an operating profit"), 1)  # fmt: skip
    months(
        "runway",
        _("Runway on cash, months"),
        found["runway_months"],
        _("months until cash falls below 0, path by path"),
        0,
    )
    text, span = money.interval(found["npv_usd"])
    board.add(Shown(
        key="npv", label=_("NPV"), text=text, detail=span, value=found["npv_usd"]["p50"], source="economics.venture.finance",
        formula=_("Σ monthly operating cash / (1 + r)^(t + ½)"),
        assumptions=(_("%s a year; what lies beyond the horizon counts nothing") % percent(found["discount_rate_per_year"]), of),
    ))  # fmt: skip
    text, span = money.interval(found["peak_cash_need_usd"])
    board.add(Shown(
        key="peak_cash_need", label=_("Funding need"), text=text, detail=span, value=found["peak_cash_need_usd"]["p50"],
        formula=_("deepest point of cumulated operating cash, funding left out"), assumptions=(of,), source=VENTURE,
    ))  # fmt: skip
    board.add(Shown(
        key="minimum_raise", label=_("Minimum raise"), text=money.text(found["minimum_raise_usd"], 2),
        value=found["minimum_raise_usd"], formula=_("p90 of the funding need − cash in hand"), assumptions=(of,), source=VENTURE,
    ))  # fmt: skip
    for key, label in (
        ("gross_margin_fraction", _("Gross margin, last month")),
        ("fully_loaded_margin_fraction", _("Fully loaded margin, last month")),
    ):
        value = found["margins"][key][-1]
        board.add(Shown(
            key=key, label=label, text=percent(value), value=value, source="economics.venture.metrics", assumptions=(of,),
            formula=_("(revenue − cost of goods) / revenue") + (
                _(", training spread over 18 months among the cost") if key.startswith("fully") else ""
            ),
        ))  # fmt: skip
    volume = found["break_even_volume"]
    first = volume["first_tokens_per_month"] if volume else None
    board.add(Shown(
        key="break_even_volume", label=_("Own machines pay from"), value=first,
        text=_("%s tokens a month") % count(first, 2) if first else _("no volume"),
        formula=_("where the API's line meets the staircase of whole replicas"), source="economics.venture.staircase",
    ))  # fmt: skip
    return board


def folded(inputs: PlanInputs, results: dict[str, Any], months_of_revenue: int) -> list[dict[str, Any]]:
    """Return what is folded away until there is data, with what is missing."""
    found = results["business"]["venture"]
    segment = found["segments"][0]
    ltv, _span = Currency.of(inputs).interval(segment["ltv_usd"])
    ratio = segment["ltv_over_acquisition"]
    observed = int(inputs.churn_customers_observed)
    irr = found["irr"]
    growth = _growth(found["monthly"]["revenue_usd"]["p50"])
    margin = found["margins"]["fully_loaded_margin_fraction"][-1]
    rule = growth + margin if growth is not None and margin is not None else None
    return [
        {
            "name": _("LTV and LTV / CAC"), "ready": observed >= 30,
            "text": f"{ltv}, {significant(ratio, 2) if ratio else '–'} ×",
            "missing": _("Churn is an assumption: %d of 30 customers were observed.") % observed,
        },
        {
            "name": _("IRR"), "ready": months_of_revenue >= 12 and irr["rate_per_year"] is not None,
            "text": percent(irr["rate_per_year"]),
            "missing": irr["reason"] or _("%d of 12 months of revenue are in the ledger.") % months_of_revenue,
        },
        {
            "name": _("Rule of 40"), "ready": months_of_revenue >= 12 and rule is not None, "text": percent(rule),
            "missing": _("%d of 12 months of revenue are in the ledger.") % months_of_revenue,
        },
    ]  # fmt: skip


def _growth(revenue: list[float]) -> float | None:
    """Revenue of the last twelve months over that of the twelve before, less one."""
    if len(revenue) < 24 or sum(revenue[-24:-12]) <= 0:
        return None
    return sum(revenue[-12:]) / sum(revenue[-24:-12]) - 1


def advantage_board(inputs: PlanInputs, results: dict[str, Any]) -> Board:
    money, found, board = Currency.of(inputs), results["advantage"], Board()
    _data_items(board, found["data"], money, inputs)
    _barrier_items(board, found["barrier"], money)
    market = found["market"]
    last = market["rows"][-1] if market["rows"] else None
    board.add(Shown(
        key="sam", label=_("Reachable market a year"), text=money.text(market["sam_usd_per_year"], 2),
        detail=_("of %s in all") % money.text(market["tam_usd_per_year"], 2), value=market["sam_usd_per_year"],
        formula=_("customers with the problem × reachable share × what one pays a year"), source="economics.venture.strategy",
        assumptions=(_("%s customers, %s reachable") % (count(inputs.market_customers, 2), percent(inputs.reachable_fraction)),),
    ))  # fmt: skip
    board.add(Shown(
        key="share_needed", label=_("Needed of the reachable customers"), source="economics.venture.strategy",
        text=percent(last["share"], 1) if last and last["share"] is not None else _("no number does"),
        detail=_("in month %d") % (last["month"] + 1) if last else "", value=last["share"] if last else None,
        formula=_("fixed costs of that month / (gross margin × reachable market)"),
    ))  # fmt: skip
    _challenge_items(board, found["challenges"], results)
    return board


def _data_items(board: Board, data: dict[str, Any], money: Currency, inputs: PlanInputs) -> None:
    worth = data["usd_per_million"]
    if worth is None:
        text, detail = "–", data["why"]
    elif not data["binds"]:
        text, detail = money.text(0.0), _("data do not bind here: more tokens save nothing")
    else:
        verdict = _("buy at %s") if worth > inputs.usd_per_million_tokens else _("do not buy at %s")
        text, detail = money.text(worth, 2), verdict % money.text(inputs.usd_per_million_tokens, 2)
    board.add(Shown(
        key="next_million", label=_("The next million tokens are worth"), text=text, detail=detail, value=worth,
        formula=_("fall of the cheapest training + serving at equal loss, per million more unique tokens, repeats allowed"),
        assumptions=(_("unique tokens now: %s") % count(data["unique_tokens"], 2),), source="economics.venture.data_worth",
    ))  # fmt: skip
    board.add(Shown(
        key="labels", label=_("The next thousand labels cost"), text=money.text(data["usd_per_thousand_labels"], 2),
        detail=_("their worth is not known: measure a tuning with half of them"), value=data["usd_per_thousand_labels"],
        source=_("given in the plan"),
    ))  # fmt: skip
    month = data["months_until_binding"]
    board.add(Shown(
        key="binds_in", label=_("Data bind"), value=month,
        text=_("now") if month == 0 else _("in %s months") % f"{month:g}" if month else _("not within ten years"),
        formula=_("first month in which the budget's best mix uses more tokens than there are, as rents fall"),
        assumptions=(
            _("rents fall by 20 % a year (5 to 40)"),
            _("own data grow by %s tokens a month") % count(inputs.data_growth_tokens_per_month, 2),
        ),
        source="economics.plan.rates, economics.scaling",
    ))  # fmt: skip
    cleaned = data["duplicates"]
    board.add(Shown(
        key="cleaning", label=_("Duplicates and bad text removed"),
        text=_("%s tokens") % count(cleaned["removed_tokens"], 2) if cleaned else _("not measured"),
        detail=_cleaning(cleaned, money) if cleaned else _("prepare a dataset to know"),
        value=cleaned["removed_tokens"] if cleaned else None,
        formula=_("bytes that filters and deduplication removed / bytes of a token") if cleaned else "",
        source=cleaned["version"] if cleaned else _("nothing prepared yet"),
    ))  # fmt: skip


def _cleaning(cleaned: dict[str, Any], money: Currency) -> str:
    if cleaned["usd"] is None:
        return ""
    return _("as unique tokens they would be worth %s; they are not") % money.text(cleaned["usd"], 2)


def _barrier_items(board: Board, barrier: dict[str, Any], money: Currency) -> None:
    from webapp.planning.board_plan import titles

    lead = barrier["lead_months"]
    text, span = money.interval(barrier["cost_usd"])
    board.add(Shown(
        key="own_cost", label=_("It cost you"), text=text, detail=f"{span} · {titles()[barrier['of']]}",
        value=barrier["cost_usd"]["p50"], formula=_("training and data of the option, once"), source="economics.plan.options",
    ))  # fmt: skip
    lasts = _("over five years") if lead is None else _("not at all")
    if lead:
        lasts = ngettext("%(n)s month", "%(n)s months", int(lead)) % {"n": f"{lead:g}"}
    board.add(Shown(
        key="lead", label=_("The lead lasts"), value=lead, text=lasts,
        detail=_("until a follower with %s can do it") % money.text(barrier["budget_usd"], 2),
        formula=_("cost × (1 − fall of rents)^(t/12) × ½^(t / halving of algorithms) ≤ budget, p50"),
        assumptions=(
            _("rents fall by 20 % a year (5 to 40)"),
            _("the same loss takes half the compute after 8 months (2 to 22)"),
        ),
        source="economics.catalogue: rates.toml",
    ))  # fmt: skip


def _challenge_items(board: Board, found: dict[str, Any], results: dict[str, Any]) -> None:
    del results
    both = _("share of 4,000 joint draws within the limit")
    for key, label in (
        ("probability_within_budget", _("Chance to stay in budget")),
        ("probability_within_deadline", _("Chance to be in time")),
    ):
        board.add(
            Shown(
                key=key, label=label, text=percent(found[key]), value=found[key], formula=both, source="economics.plan"
            )
        )
    board.add(Shown(
        key="flop", label=_("Training compute"), text=f"{found['training_flop']:.1e} FLOP".replace("e+", "e"),
        detail=_("%s of 1e23, %s of 1e25") % tuple(percent(row["share"], 1) for row in found["thresholds"]),
        value=found["training_flop"], formula="6 N D", source="; ".join(row["what"] for row in found["thresholds"]),
    ))  # fmt: skip
    data = found["personal_data"]
    board.add(Shown(
        key="personal", label=_("Personal data per million tokens"),
        text=number_text(data["per_million_before"]) if data else _("not measured"),
        detail=_personal(data) if data else _("prepare a dataset to know"),
        value=data["per_million_before"] if data else None,
        formula=_("findings / tokens × 1e6, before redaction") if data else "",
        source=data["version"] if data else _("nothing prepared yet"),
    ))  # fmt: skip


def number_text(value: float | None) -> str:
    return "–" if value is None else number_interval({"p10": value, "p50": value, "p90": value})[0]


def _personal(data: dict[str, Any]) -> str:
    if data["recall"] is None:
        return _("before redaction; afterwards unknown: no canaries were planted")
    return _("before; %(after)s after, recall %(recall)s on %(n)d planted canaries") % {
        "after": number_text(data["per_million_after"]), "recall": percent(data["recall"]), "n": data["planted"],
    }  # fmt: skip
