"""The charts of ladders and fits, as the data that static/js/ladder.js draws: traces with units, and the table behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from economics.scaling import FittedLaw, Points
from economics.scaling.laws import LossLaw
from webapp.ladders.models import LadderPoint
from webapp.ui.templatetags.figures import count

Chart = dict[str, Any]
GRID = 60


def loss_title(unit: str) -> str:
    return _("Loss (bits per byte)") if unit == "bits_per_byte" else _("Loss (nats per token)")


def loss_of(point: LadderPoint, in_bits: bool) -> float | None:
    return point.bits_per_byte if in_bits else point.loss


def landing_chart(points: Sequence[LadderPoint], fitted: FittedLaw | None, seal: dict[str, Any] | None) -> Chart:
    """Loss over tokens, a colour a size: landed points solid, the law dashed, a sealed interval ahead of its point."""
    rows = [point for point in points if point.has_landed]
    in_bits = fitted is not None and fitted.conventions.loss_unit == "bits_per_byte"
    sizes = sorted({point.num_params for point in points})
    traces: list[dict[str, Any]] = []
    tokens = np.geomspace(min(p.num_tokens for p in points) / 1.3, max(p.num_tokens for p in points) * 1.3, GRID)
    for index, size in enumerate(sizes):
        mine = [point for point in rows if point.num_params == size]
        traces.append(
            {
                "name": _("%(n)s parameters") % {"n": count(size)}, "mode": "markers", "color": index % 8 + 1,
                "x": [p.num_tokens for p in mine], "y": [loss_of(p, in_bits) for p in mine],
                "symbols": ["diamond" if p.role == "repeat" else "x" if p.is_left_out else "circle" for p in mine],
            }
        )  # fmt: skip
        if fitted is not None and fitted.law is not None and len(sizes) <= 8:
            traces.append(
                {
                    "name": _("law"), "mode": "lines", "color": index % 8 + 1, "dash": "dash", "legend": False,
                    "x": _list(tokens), "y": _list(fitted.law.loss(size, tokens)),
                }
            )  # fmt: skip
    if seal is not None:
        traces.append(
            {
                "name": _("sealed before it began"), "mode": "markers", "color": "text", "symbol": "line-ew-open",
                "x": [seal["num_tokens"]], "y": [seal["loss"]["p50"]],
                "error": [seal["loss"]["p90"] - seal["loss"]["p50"], seal["loss"]["p50"] - seal["loss"]["p10"]],
            }
        )  # fmt: skip
    unit = "bits_per_byte" if in_bits else "nats_per_token"
    return {
        "x": {"title": _("Training tokens"), "type": "log", "range": _list(tokens[[0, -1]])},
        "y": {"title": loss_title(unit)},
        "traces": traces,
        "table": {
            "head": [_("parameters"), _("tokens"), _("kind"), loss_title(unit)],
            "rows": [[p.num_params, p.num_tokens, str(p.get_role_display()), loss_of(p, in_bits)] for p in rows],
        },
    }


def residual_chart(fitted: FittedLaw, points: Points) -> Chart:
    """What each point lies above or below the law, by size: a tilt says that the law's form does not hold."""
    assert fitted.law is not None
    residual = 100 * np.log(points.loss / fitted.law.loss(points.num_params, points.num_tokens))
    sigma = 100 * fitted.noise_sigma
    ends = [float(points.num_params.min()) / 1.25, float(points.num_params.max()) * 1.25]
    return {
        "x": {"title": _("Parameters"), "type": "log"},
        "y": {"title": _("Above the law (%)")},
        "traces": [
            {
                "name": _("one standard deviation of a run"), "mode": "lines", "color": "muted", "fill": True,
                "x": [*ends, *reversed(ends)], "y": [sigma, sigma, -sigma, -sigma],
            },
            *_by_tokens(points, residual),
        ],
        "table": {
            "head": [_("parameters"), _("tokens"), _("loss"), _("above the law, %")],
            "rows": [
                [float(n), float(d), float(loss), round(float(r), 3)]
                for n, d, loss, r in zip(points.num_params, points.num_tokens, points.loss, residual, strict=True)
            ],
        },
    }  # fmt: skip


def _by_tokens(points: Points, residual: np.ndarray) -> Iterable[dict[str, Any]]:
    """Three groups by tokens, so that a tilt in data shows as well as one in size."""
    order = np.argsort(points.num_tokens)
    for index, part in enumerate(np.array_split(order, 3)):
        if part.size:
            low, high = points.num_tokens[part].min(), points.num_tokens[part].max()
            yield {
                "name": _("%(n)s tokens") % {"n": _range(float(low), float(high))},
                "mode": "markers", "color": index + 1, "x": _list(points.num_params[part]), "y": _list(residual[part]),
            }  # fmt: skip


def _range(low: float, high: float) -> str:
    first, last = count(low, 2), count(high, 2)
    return first if first == last else f"{first}–{last}"


def surface_traces(law: LossLaw, n: np.ndarray, d_low: float, d_high: float) -> list[dict[str, Any]]:
    """Iso-loss curves over sizes, with their loss written at the upper end."""
    losses = [float(law.loss(n[0], d_low)), float(law.loss(n[-1], d_high))]
    levels, decimals = _levels(losses[1], losses[0])
    traces = []
    labels: dict[str, list[Any]] = {"x": [], "y": [], "text": []}
    for index, level in enumerate(levels):
        tokens = law.tokens_for_loss(n, float(level))
        keep = np.isfinite(tokens) & (tokens >= d_low) & (tokens <= d_high)
        if keep.sum() < 3:
            continue
        name = _("equal loss")
        traces.append(
            {
                "name": name, "mode": "lines", "color": 1, "width": 1, "opacity": 0.75, "legend": index == 0,
                "x": _list(n[keep]), "y": _list(tokens[keep]), "hover": f"{_('loss')} {level:.{decimals}f}",
            }
        )  # fmt: skip
        place = int(np.flatnonzero(keep)[len(np.flatnonzero(keep)) // 2])
        labels["x"].append(float(n[place]))
        labels["y"].append(float(tokens[place]))
        labels["text"].append(f"{level:.{decimals}f}")
    if traces and not any(trace["legend"] for trace in traces):
        traces[0]["legend"] = True
    return [*traces, {"name": _("loss"), "mode": "text", "color": 1, "legend": False, **labels}]


def _levels(low: float, high: float) -> tuple[np.ndarray, int]:
    """About a dozen round losses between two, and the decimals that they are written with."""
    rough = (high - low) / 12
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    decimals = next(places for places in range(12) if abs(round(step, places) / step - 1) < 1e-6)
    first, last = np.ceil(low / step + 1e-9), np.floor(high / step - 1e-9)
    return np.round(np.arange(first, last + 1) * step, decimals), decimals


def _list(values: np.ndarray) -> list[float]:
    """Numbers with six digits: more than any chart shows."""
    return [float(f"{value:.6g}") for value in np.asarray(values, dtype=float).ravel()]
