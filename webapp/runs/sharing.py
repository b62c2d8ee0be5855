"""What a run's page says of the processes that share it: each one's part, how well they scale, and what that saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string

from trainer.families import get_family
from webapp.runs.models import Run
from webapp.runs.prices import usd_per_hour


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharing:
    """None is unknown: one process was not measured, or nobody knows the price."""

    strategy: str
    ranks: list[dict[str, Any]]
    tokens_per_second: float
    efficiency: float | None = None
    """Of what so many of the one that was measured would do if none waited for another."""

    speedup: float | None = None
    """Over one process with all the threads that they share, or with one device."""

    seconds_saved: float | None = None
    """Of the steps done so far; below 0 where one process would have been faster."""

    usd_saved: float | None = None

    @property
    def seconds_saved_size(self) -> float:
        return abs(self.seconds_saved or 0.0)

    @property
    def usd_saved_size(self) -> float:
        return abs(self.usd_saved or 0.0)


def sharing_of(run: Run) -> Sharing | None:
    """Return how the processes of a run get on, None where it has one, or none has told yet."""
    told = run.shared
    if not told or not told.get("tokens_per_second"):
        return None
    together, ranks = float(told["tokens_per_second"]), list(told["ranks"])
    alone, one = told.get("alone_tokens_per_second"), told.get("one_process_tokens_per_second")
    tokens = float(told["step"]) * float(run.tokens_per_step or 0)
    return Sharing(
        strategy=str(told["strategy"]),
        ranks=ranks,
        tokens_per_second=together,
        efficiency=together / (alone * len(ranks)) if alone else None,
        speedup=together / one if one else None,
        seconds_saved=tokens / one - tokens / together if one else None,
        usd_saved=_usd_saved(run, ranks, tokens, together=together, one=one) if one else None,
    )


def _usd_saved(run: Run, ranks: list[dict[str, Any]], tokens: float, *, together: float, one: float) -> float | None:
    """Several devices cost as much each; processes on one processor cost no more than one."""
    price = usd_per_hour(run)
    num_devices = len({rank["device"] for rank in ranks})
    return None if price is None else (tokens / one - num_devices * tokens / together) / 3600 * price


def sharing_panel(request: HttpRequest, run: Run) -> str:
    sharing = sharing_of(run)
    if sharing is None:
        return ""
    shown = {"run": run, "sharing": sharing, "unit": get_family(run.family).unit}
    return render_to_string("runs/_sharing.html", shown, request=request)
