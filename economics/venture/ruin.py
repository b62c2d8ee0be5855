"""When the money is gone: the chance of it month by month, and the month itself as a number without steps."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from economics.uncertainty import Distribution, Fixed
from economics.venture.books import Simulation
from economics.venture.inputs import Venture

Floats = NDArray[np.float64]
T = TypeVar("T")


def ruin_probability(simulation: Simulation) -> Floats:
    """Share of paths whose cash has been below zero by the end of each month.

    >>> from types import SimpleNamespace
    >>> ruin_probability(SimpleNamespace(cash=np.array([[1.0, 1.0], [-1.0, 2.0], [3.0, 1.0]]))).tolist()
    [0.0, 0.5, 0.5]
    """
    return np.asarray(np.logical_or.accumulate(simulation.cash < 0, axis=0).mean(axis=1))


def cash_out_months(simulation: Simulation) -> Floats:
    """Month, with its fraction, in which each path's cash first crosses zero; infinite where it does not.

    Unlike whole months their median moves with every input, so that elasticities can be taken.

    >>> from types import SimpleNamespace
    >>> cash_out_months(SimpleNamespace(cash=np.array([[30.0, 60.0], [10.0, 70.0], [-10.0, 80.0]]), opening_cash_usd=50.0))
    array([2.5, inf])
    """
    opening = np.full((1, simulation.cash.shape[1]), simulation.opening_cash_usd)
    cash = np.concatenate([opening, simulation.cash])
    below = cash < 0
    month = below.argmax(axis=0)
    path = np.arange(cash.shape[1])
    after, before = cash[month, path], cash[np.maximum(month - 1, 0), path]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = np.where(month > 0, month - 1 + before / (before - after), 0.0)
    return np.where(below.any(axis=0), crossed, np.inf)


def cash_out_month(simulation: Simulation) -> float | None:
    """Median of the months in which cash runs out; None where fewer than half of the paths run out."""
    months = np.sort(cash_out_months(simulation))
    middle = float(months[(months.size - 1) // 2])
    return middle if np.isfinite(middle) else None


def central_venture(venture: Venture) -> Venture:
    """The same venture without luck: every input at its median, no luck of the month, no luck of the crowd.

    >>> from economics.uncertainty import Beta
    >>> from economics.venture.selling import Segment
    >>> central_venture(Venture(segments=(Segment(name="a", churn_per_month=Beta(2, 38)),))).demand_sigma
    0.0
    """
    return dataclasses.replace(_fixed(venture), demand_sigma=0.0, crowd_noise=0.0)


def _fixed(record: T) -> T:
    """A record with every distribution in it put to its median."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(record):  # type: ignore[arg-type]
        value = getattr(record, field.name)
        if isinstance(value, Distribution):
            changes[field.name] = Fixed(value.median)
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            changes[field.name] = tuple(_fixed(item) for item in value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            changes[field.name] = _fixed(value)
    return dataclasses.replace(record, **changes)  # type: ignore[type-var]
