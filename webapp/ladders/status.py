"""How a ladder stands: its points with quote and result, totals, the newest fit, and what it says of the wanted run."""

from __future__ import annotations

from typing import Any

from economics.errors import EconomicsError
from economics.scaling import predict_loss
from economics.uncertainty import Interval
from webapp.jobs.display import shown_state, state_word
from webapp.ladders.charts import landing_chart
from webapp.ladders.fits import fitted_law, latest_fit, why_no_fit
from webapp.ladders.models import Ladder, LadderPoint, SealedPrediction
from webapp.quotes.figures import added


def live_context(ladder: Ladder) -> dict[str, Any]:
    """Return what the moving part of a ladder's page shows."""
    points = list(ladder.points.select_related("run__latest_job", "after").order_by("position"))
    fit = latest_fit(ladder)
    fitted = fitted_law(fit) if fit else None
    seals = {
        seal.run_id: seal
        for seal in SealedPrediction.objects.filter(run__ladder_point__ladder=ladder).select_related("run__latest_job")
    }
    largest = max((seal for seal in seals.values()), key=lambda seal: seal.content["compute_ratio"], default=None)
    rows = [_row(point, seals.get(point.run_id or 0)) for point in points]
    landed = [point for point in points if point.has_landed]
    own = [point for point in points if point.role != LadderPoint.Role.EXTERNAL]
    return {
        "rows": rows,
        "num_points": len(points),
        "num_landed": len(landed),
        "num_own": len(own),
        "seconds_spent": sum(point.seconds or 0.0 for point in landed),
        "usd_spent": sum(point.usd or 0.0 for point in landed),
        "seconds_left": _left(own, "seconds"),
        "usd_left": _left(own, "usd"),
        "fit": fit,
        "why_no_fit": "" if fit else why_no_fit(ladder),
        "wanted": _wanted(ladder, fitted) if fitted else None,
        "largest_seal": largest,
        "chart": landing_chart(points, fitted, largest.content if largest else None) if landed else None,
    }


def _row(point: LadderPoint, seal: SealedPrediction | None) -> dict[str, Any]:
    """One line of the table: a tick where the quote held, a cross where it did not."""
    seconds, usd = point.predicted.get("seconds"), point.predicted.get("usd")
    state = _state(point)
    return {
        "point": point,
        "state": state,
        "word": state_word(state) if state != "planned" else "",
        "seconds": seconds,
        "usd": usd,
        "is_on_time": is_on_time(point),
        "seal": seal,
        "can_retry": state in ("failed", "stopped", "cancelled"),
    }


def is_on_time(point: LadderPoint) -> bool | None:
    """Say whether a rung took what it was quoted; None for one that was not quoted or has not landed."""
    quoted = point.predicted.get("seconds")
    if not quoted or point.seconds is None:
        return None
    return bool(quoted["p10"] <= point.seconds <= quoted["p90"])


def _state(point: LadderPoint) -> str:
    if point.has_landed:
        return "succeeded"
    return shown_state(point.run.latest_job) if point.run else "planned"


def _left(points: list[LadderPoint], name: str) -> Interval | None:
    """Return what the points that have not landed are expected to take; None where that is unknown."""
    waiting = [point for point in points if not point.has_landed]
    found = [point.predicted.get(name) for point in waiting]
    return added(Interval(**each) if each else None for each in found)


def _wanted(ladder: Ladder, fitted: Any) -> dict[str, Any] | None:
    """Return what the newest fit says of the run whose loss is wanted."""
    if not ladder.target_params or not ladder.target_tokens:
        return None
    try:
        found = predict_loss(fitted, ladder.target_params, ladder.target_tokens)
    except EconomicsError:
        return None
    return {
        "num_params": ladder.target_params, "num_tokens": ladder.target_tokens, "loss": found.loss.to_dict(),
        "has_median": found.has_median, "compute_ratio": found.compute_ratio,
    }  # fmt: skip
