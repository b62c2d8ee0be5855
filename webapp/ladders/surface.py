"""Where the money touches the loss: iso-loss curves of a law, isocost lines of hardware, and the band of best mixes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from economics.scaling import FittedLaw, OptimalBand, Points, optimal_band
from webapp.ladders.charts import Chart, _list, surface_traces
from webapp.ladders.prices import Hardware
from webapp.ui.templatetags.figures import count, usd

OTHER_BUDGETS = (0.1, 10.0)
GRID = 90


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The answer at one budget on one hardware."""

    hardware: Hardware
    budget_usd: float
    compute_flop: float
    band: OptimalBand
    compute_ratio: float
    seconds: float
    regrets: list[dict[str, Any]]
    chart: Chart

    @property
    def tokens_per_param(self) -> float:
        return self.band.num_tokens.p50 / self.band.num_params.p50


def default_budget(fitted: FittedLaw, hardware: Hardware) -> float:
    """Ten times the compute of the largest run fitted: near enough to be told, far enough to be worth it."""
    return float(f"{10 * fitted.largest_compute_flop * hardware.usd_per_flop:.2g}")


def plan_of(fitted: FittedLaw, points: Points, hardware: Hardware, budget_usd: float) -> Plan:
    """Return the band of best mixes that the budget buys; the fit must have a law."""
    compute = budget_usd / hardware.usd_per_flop
    band = optimal_band(fitted, compute)
    return Plan(
        hardware=hardware,
        budget_usd=budget_usd,
        compute_flop=compute,
        band=band,
        compute_ratio=compute / fitted.largest_compute_flop,
        seconds=compute / hardware.flop_per_second,
        regrets=_regrets(fitted, compute),
        chart=_chart(fitted, points, hardware, budget_usd, band),
    )


def _regrets(fitted: FittedLaw, compute: float) -> list[dict[str, Any]]:
    """Compute wasted by standing off the best size at this budget."""
    assert fitted.law is not None
    best = fitted.law.optimum(compute)
    return [
        {
            "factor": factor,
            "num_params": best.num_params * factor,
            "regret": fitted.law.regret_fraction(best.num_params * factor, best.num_tokens / factor),
        }
        for factor in (0.25, 0.5, 1 / 1.5, 1.5, 2.0, 4.0)
    ]


def _chart(fitted: FittedLaw, points: Points, hardware: Hardware, budget_usd: float, band: OptimalBand) -> Chart:
    assert fitted.law is not None
    law, k = fitted.law, fitted.conventions.flop_per_param_token
    best = law.optimum(band.compute_flop)
    n_low = min(float(points.num_params.min()), best.num_params) / 2.5
    n_high = max(float(points.num_params.max()), best.num_params) * 4
    d_low = min(float(points.num_tokens.min()), best.num_tokens) / 2
    d_high = max(float(points.num_tokens.max()), best.num_tokens) * 4
    n = np.geomspace(n_low, n_high, GRID)
    traces = surface_traces(law, n, d_low, d_high)
    for factor in (*OTHER_BUDGETS, 1.0):
        traces.append(_isocost(hardware, k, budget_usd * factor, n, (d_low, d_high), is_chosen=factor == 1.0))
    low, high = band.num_params_within_10_percent
    sizes = np.geomspace(low, high, 20)
    tokens = law.tokens_for_loss(sizes, best.loss)
    traces += [
        {
            "name": _("within 10 % of the best"), "mode": "lines", "color": 3, "width": 9, "opacity": 0.45,
            "x": _list(sizes), "y": _list(tokens),
        },
        {
            "name": _("best size, p10 to p90"), "mode": "lines", "color": 3, "width": 2, "dash": "dot",
            "x": _list(ends := np.geomspace(band.num_params.p10, band.num_params.p90, 12)),
            "y": _list(band.compute_flop / (k * ends)),
        },
        {
            "name": _("the ladder's points"), "mode": "markers", "color": "text", "symbol": "circle-open",
            "x": _list(points.num_params), "y": _list(points.num_tokens),
            "text": [f"{loss:.4g}" for loss in points.loss],
        },
    ]  # fmt: skip
    return {
        "x": {"title": _("Parameters"), "type": "log", "range": [n_low, n_high]},
        "y": {"title": _("Training tokens"), "type": "log", "range": [d_low, d_high]},
        "traces": traces,
        "table": _table(fitted, hardware, budget_usd),
    }


def _isocost(
    hardware: Hardware, k: float, usd_spent: float, n: np.ndarray, d_range: tuple[float, float], *, is_chosen: bool
) -> dict[str, Any]:
    """All mixes that cost the same on the hardware: D = C / (k N)."""
    tokens = usd_spent / hardware.usd_per_flop / (k * n)
    keep = (tokens >= d_range[0]) & (tokens <= d_range[1])
    return {
        "name": _("%(usd)s on %(hardware)s") % {"usd": usd(usd_spent), "hardware": hardware.name},
        "mode": "lines", "color": 2, "width": 2.5 if is_chosen else 1.2, "dash": "solid" if is_chosen else "dot",
        "x": _list(n[keep]), "y": _list(tokens[keep]),
    }  # fmt: skip


def _table(fitted: FittedLaw, hardware: Hardware, budget_usd: float) -> dict[str, Any]:
    """The best mixes over budgets: what the picture says, in numbers."""
    rows = []
    for factor in (0.1, 0.3, 1.0, 3.0, 10.0):
        found = optimal_band(fitted, budget_usd * factor / hardware.usd_per_flop)
        low, high = found.num_params_within_10_percent
        rows.append(
            [
                usd(budget_usd * factor),
                f"{found.compute_flop:.2g}",
                f"{count(low, 2)} – {count(high, 2)}",
                f"{count(found.num_tokens_within_10_percent[0], 2)} – {count(found.num_tokens_within_10_percent[1], 2)}",
                f"{found.loss.p10:.3f} – {found.loss.p90:.3f}",
            ]
        )
    head = [_("budget"), _("FLOP"), _("parameters within 10 %"), _("tokens within 10 %"), _("loss p10–p90")]
    return {"head": head, "rows": rows}
