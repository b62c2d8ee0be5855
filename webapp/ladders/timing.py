"""What rungs and ladders are expected to take, by the same quotes as every other job.

Rungs of one ladder run on one machine with the same settings: if it is slower than thought, it is so for all of them.
Their times rise and fall together, and only for such numbers may quantiles be added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from economics.scaling.ladder_design import SizePlan
from economics.uncertainty import Interval
from webapp.datasets.models import DatasetVersion
from webapp.ladders.rungs import Common, Rung, queue_of_ladders, trunk
from webapp.quotes.devices import Device, device_of_queue
from webapp.quotes.figures import QuoteFigures, added
from webapp.quotes.services import quote_on
from webapp.runs.work import train_work
from webapp.teams.models import Team

END_SECONDS = 0.5
"""From a run's last word to the next one's start: the queue, the ledger, the fit."""

SIZES_MEASURED = tuple(float(size) for size in np.geomspace(6e4, 6e9, 11))


def device_of_ladders() -> Device | None:
    """Return the device that would make the rungs; None where no worker is there."""
    return device_of_queue(queue_of_ladders())


def rung_quote(rung: Rung, version: DatasetVersion, device: Device, team: Team) -> QuoteFigures:
    """Return what one rung is expected to take."""
    return quote_on(train_work(rung.spec, version, device, first_step=rung.first_step), device, team=team, kind="train")


def rungs_quote(
    rungs: Sequence[Rung], version: DatasetVersion, device: Device, team: Team
) -> tuple[list[QuoteFigures], Interval | None, Interval | None]:
    """Return the quote of each rung, and time and money of all of them one after another."""
    quotes = [rung_quote(rung, version, device, team) for rung in rungs]
    seconds = added(quote.seconds for quote in quotes)
    if seconds is not None:
        seconds = Interval(*(value + END_SECONDS * len(quotes) for value in seconds))
    return quotes, seconds, added(quote.usd for quote in quotes)


def seconds_model(
    common: Common, device: Device, team: Team, *, num_repeats: int = 1
) -> Callable[[Sequence[SizePlan]], float] | None:
    """Return a quick reckoning of a ladder's time from its sizes alone; None where the machine was never measured.

    A rung of each of a few sizes is quoted in full; between them what a token costs goes straight in logarithms.
    """
    sizes, per_token, fixed = [], [], []
    for size in SIZES_MEASURED:
        short, longer = (trunk(size, [steps * common.tokens_per_step], common)[0] for steps in (100, 1100))
        quotes = [rung_quote(rung, common.version, device, team).seconds for rung in (short, longer)]
        if quotes[0] is None or quotes[1] is None:
            return None
        slope = (quotes[1].p50 - quotes[0].p50) / (longer.num_tokens - short.num_tokens)
        sizes.append(short.num_params)
        per_token.append(slope)
        fixed.append(max(0.5, quotes[0].p50 - slope * short.num_tokens) + END_SECONDS)
    kept = np.concatenate([[0], 1 + np.flatnonzero(np.diff(sizes) > 0)])
    knots = tuple(np.log(np.asarray(values))[kept] for values in (sizes, per_token, fixed))
    return partial(_seconds_of, knots=knots, num_repeats=num_repeats)


def _seconds_of(
    sizes: Sequence[SizePlan], *, knots: tuple[np.ndarray, np.ndarray, np.ndarray], num_repeats: int
) -> float:
    """Each token count of a size is trained from where the one before began to cool down."""
    total = 0.0
    for index, size in enumerate(sizes):
        rate, fixed = (_interpolated(np.log(size.num_params), knots[0], column) for column in knots[1:])
        before = 0.0
        for tokens in size.num_tokens:
            total += fixed + rate * (tokens - before)
            before = 0.8 * tokens
        if num_repeats and index == len(sizes) // 2:
            total += num_repeats * (fixed + rate * size.num_tokens[0])
    return float(total)


def _interpolated(at: float, knots: np.ndarray, values: np.ndarray) -> float:
    """Straight between the knots, and on beyond the last by its slope."""
    if at > knots[-1]:
        slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])
        return float(np.exp(values[-1] + slope * (at - knots[-1])))
    return float(np.exp(np.interp(at, knots, values)))
