"""Fits of a ladder: made anew whenever a point lands, stored as immutable versions, read back as economics' own type."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from economics.errors import EconomicsError
from economics.scaling import FittedLaw, Points
from economics.scaling.fit import Method
from economics.scaling.prior_weight import prior_weights
from economics.verbs.fit import fit as fit_verb
from webapp.ladders.models import Ladder, LadderPoint, ScalingFit
from webapp.ladders.points import economics_points, landed

NUM_RESAMPLES = 400
FEWEST_POINTS = 4
METHOD: Method = "parametric"


def fit_refresh(ladder: Ladder) -> ScalingFit | None:
    """Fit the ladder's points if they changed since the last fit; return the latest fit, None while there can be none."""
    rows = landed(ladder)
    latest = latest_fit(ladder)
    ids = [row.pk for row in rows]
    if latest is not None and latest.point_ids == ids:
        return latest
    try:
        points = economics_points(ladder, rows) if rows else None
        if points is None:
            return latest
        answer = fit_verb(points, method=METHOD, num_resamples=NUM_RESAMPLES)
    except EconomicsError:
        return latest  # too few, or on one ray: the ladder's page says what is missing
    noise = repeat_noise(rows)
    if noise is not None:
        # the scatter of few points about a flexible law hides what chance does: the repeated rung shows it
        answer["noise_sigma"] = max(float(answer["noise_sigma"]), noise)
    facts = _facts(ladder, rows, points, answer, noise)
    with transaction.atomic():
        Ladder.objects.select_for_update().get(pk=ladder.pk)
        number = (ladder.fits.aggregate(most=Max("number"))["most"] or 0) + 1
        return ScalingFit.objects.create(
            ladder=ladder, number=number, method=METHOD, num_points=len(rows),
            has_law=answer["coefficients"]["E"] is not None, answer=answer, facts=facts, point_ids=ids,
        )  # fmt: skip


def why_no_fit(ladder: Ladder) -> str:
    """Return, as a sentence, what stands in the way of a fit; empty if nothing does."""
    rows = landed(ladder)
    if len(rows) < FEWEST_POINTS:
        return _("%(n)d of the %(least)d points that it needs at least have landed.") % {
            "n": len(rows), "least": FEWEST_POINTS,
        }  # fmt: skip
    try:
        economics = economics_points(ladder, rows)
        fit_verb(economics, method=METHOD, num_resamples=10)
    except EconomicsError as error:
        return str(error)
    return ""


def latest_fit(ladder: Ladder, *, with_law: bool = False) -> ScalingFit | None:
    fits = ladder.fits.filter(has_law=True) if with_law else ladder.fits.all()
    return fits.order_by("-number").first()


def fitted_law(fit: ScalingFit) -> FittedLaw:
    """Return the fit as economics' own type: what predicts."""
    return FittedLaw.from_dict(fit.answer)


def fit_points(fit: ScalingFit) -> Points:
    """Return the points as they were when the fit was made."""
    columns = {name: np.asarray(values) for name, values in fit.answer["points"].items()}
    return Points(**columns, conventions=fitted_law(fit).conventions)


def repeat_noise(rows: list[LadderPoint]) -> float | None:
    """Return the standard deviation of ln loss that another seed alone makes; None where no rung was repeated."""
    squares = []
    for row in rows:
        if row.role != LadderPoint.Role.REPEAT:
            continue
        first = next(
            (r for r in rows if r.role == "trunk" and (r.num_params, r.num_tokens) == (row.num_params, row.num_tokens)),
            None,
        )
        if first is not None and first.loss and row.loss:
            squares.append(np.log(row.loss / first.loss) ** 2 / 2)
    return float(np.sqrt(np.mean(squares))) if squares else None


def _facts(
    ladder: Ladder, rows: list[LadderPoint], points: Points, answer: dict[str, Any], noise: float | None
) -> dict[str, Any]:
    """What is known of the fit beyond economics' answer."""
    fitted = FittedLaw.from_dict(answer)
    warnings = []
    if any(row.role == LadderPoint.Role.COOLDOWN for row in rows):
        warnings.append(
            _(
                "Cooldowns of one size share its trunk, hence seed and data order: they tell less than as many separate runs."
            )
        )
    if not ladder.settings.get("rates_tuned") and any(row.role != LadderPoint.Role.EXTERNAL for row in rows):
        warnings.append(_("Learning rates follow a rule by size and were not tuned; that tilts the exponents."))
    unique = points.num_unique_tokens
    if unique.size and bool((points.num_tokens > unique * 1.01).any()):
        warnings.append(_("Some runs saw their data more than once; the law takes repeated tokens for fresh ones."))
    in_matmuls = points.num_params_in_matmuls
    return {
        "prior_weights": prior_weights(fitted),
        "repeat_noise": noise,
        "warnings": warnings,
        "num_params_in_matmuls_over_total": float(np.mean(in_matmuls / points.num_params)) if in_matmuls.size else None,
        "conventions": dataclasses.asdict(points.conventions),
    }
