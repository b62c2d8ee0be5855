"""The four ways to fit a law to the same points, side by side: where they agree, the answer does not hang on the method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from django.utils.translation import gettext_lazy as _

from economics.scaling import optimal_band
from economics.scaling.fit import Method
from economics.uncertainty import Interval
from webapp.ladders.fits import METHOD, fitted_law
from webapp.ladders.models import ScalingFit

TITLES = {
    "parametric": (_("parametric"), _("all five coefficients at once, by a robust misfit of ln loss")),
    "isoflop": (_("isoFLOP"), _("the best size of each group of equal compute, then a line through them")),
    "envelope": (_("envelope"), _("the lowest loss at each compute, then a line through those")),
    "data-constrained": (_("data-constrained"), _("two more coefficients for what repeated tokens are worth")),
}
COMPARED_AT = 10.0
"""Times the compute of the largest run: where the methods' best sizes are compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodRow:
    """One method's answer to the same points; without `fit` it was not asked yet."""

    name: str
    title: Any
    meaning: Any
    is_this: bool
    predicts: bool
    fit: ScalingFit | None = None
    alpha: Interval | None = None
    beta: Interval | None = None
    num_params: Interval | None = None
    """Best size at the compared compute."""

    loss: Interval | None = None


def methods_compared(fit: ScalingFit) -> list[MethodRow]:
    """Return a row for each method, with its answer to the fit's own points where it was made."""
    others = ScalingFit.objects.filter(ladder=fit.ladder_id, point_ids=fit.point_ids).order_by("number")
    known = {each.method: each for each in others} | {fit.method: fit}
    return [_row(name, known.get(name), fit) for name in get_args(Method)]


def _row(name: str, found: ScalingFit | None, shown: ScalingFit) -> MethodRow:
    title, meaning = TITLES[name]
    values: dict[str, Any] = {
        "name": name, "title": title, "meaning": meaning, "is_this": name == shown.method, "predicts": name == METHOD,
        "fit": found,
    }  # fmt: skip
    if found is None:
        return MethodRow(**values)
    fitted = fitted_law(found)
    if fitted.law is not None:
        band = optimal_band(fitted, COMPARED_AT * fitted.largest_compute_flop)
        values |= {"num_params": band.num_params, "loss": band.loss}
    return MethodRow(**values, alpha=fitted.intervals["alpha"], beta=fitted.intervals["beta"])
