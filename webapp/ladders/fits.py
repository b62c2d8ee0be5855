"""Fits of a ladder: made anew whenever a point lands, stored as immutable versions, read back as economics' own type."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, cast

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
from webapp.ladders.smallest import HARDLY_BEGUN_TOKENS, hardly_begun

NUM_RESAMPLES = 400
NUM_RESAMPLES_OF_SEVEN = 100
"""Each of them is a search over seven coefficients, and somebody waits."""
FEWEST_POINTS = 4
METHOD: Method = "parametric"
"""What refits follow and predictions come from: the best behaved of the four."""


def fit_refresh(ladder: Ladder) -> ScalingFit | None:
    """Fit the ladder's points if they changed since the last fit; return the latest fit, None while there can be none."""
    rows = landed(ladder)
    latest = latest_fit(ladder)
    if latest is not None and latest.point_ids == [row.pk for row in rows]:
        return latest
    try:
        return _fit_write(ladder, rows, METHOD) if rows else latest
    except EconomicsError:
        return latest  # too few, or on one ray: the ladder's page says what is missing


def newest_fits(ladders: Iterable[Ladder]) -> dict[int, ScalingFit]:
    """Return ladder -> its latest fit, without the answers, for a list."""
    rows = ScalingFit.objects.filter(ladder__in=ladders).defer("answer", "facts", "point_ids")
    return {fit.ladder_id: fit for fit in rows.order_by("ladder_id", "-number").distinct("ladder_id")}


def fit_by(fit: ScalingFit, method: str) -> ScalingFit:
    """Return the fit of the same points by another method, made now unless it is there; raise `EconomicsError` with why not."""
    known = fit.ladder.fits.filter(method=method, point_ids=fit.point_ids).first()
    if known is not None:
        return known
    rows = list(fit.ladder.points.filter(pk__in=fit.point_ids).select_related("run", "after"))
    return _fit_write(fit.ladder, rows, cast(Method, method))


def _fit_write(ladder: Ladder, rows: list[LadderPoint], method: Method) -> ScalingFit:
    points = economics_points(ladder, rows)
    num_resamples = NUM_RESAMPLES_OF_SEVEN if method == "data-constrained" else NUM_RESAMPLES
    answer = fit_verb(points, method=method, num_resamples=num_resamples)
    noise = repeat_noise(rows)
    if noise is not None:
        # the scatter of few points about a flexible law hides what chance does: the repeated rung shows it
        answer["noise_sigma"] = max(float(answer["noise_sigma"]), noise)
    facts = _facts(ladder, rows, points, answer, noise)
    with transaction.atomic():
        Ladder.objects.select_for_update().get(pk=ladder.pk)
        number = (ladder.fits.aggregate(most=Max("number"))["most"] or 0) + 1
        return ScalingFit.objects.create(
            ladder=ladder, number=number, method=method, num_points=len(rows),
            has_law=answer["coefficients"]["E"] is not None, answer=answer, facts=facts,
            point_ids=[row.pk for row in rows],
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


def latest_fit(ladder: Ladder) -> ScalingFit | None:
    """Return the newest fit by the method that predicts; fits by others are there to compare."""
    return ladder.fits.filter(method=METHOD).order_by("-number").first()


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
    if points.num_tokens.max() < HARDLY_BEGUN_TOKENS:
        warnings.append(hardly_begun())
    unique = points.num_unique_tokens
    if unique.size and bool((points.num_tokens > unique * 1.01).any()):
        warnings.append(_("Some runs saw their data more than once; the law takes repeated tokens for fresh ones."))
    in_matmuls = points.num_params_in_matmuls
    return {
        "prior_weights": prior_weights(fitted) if fitted.method == METHOD else {},
        "repeat_noise": noise,
        "warnings": warnings,
        "num_params_in_matmuls_over_total": float(np.mean(in_matmuls / points.num_params)) if in_matmuls.size else None,
        "conventions": dataclasses.asdict(points.conventions),
    }
