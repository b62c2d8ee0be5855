"""What the numbers of a venture may be: a wrong sign or a share above one is refused, not simulated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from economics.errors import InputError
from economics.uncertainty import Distribution


def check_ranges(
    record: Any,
    *,
    positive: tuple[str, ...] = (),
    not_negative: tuple[str, ...] = (),
    shares: tuple[str, ...] = (),
    rates: tuple[str, ...] = (),
) -> None:
    """Raise InputError where a field of a record is outside its range; of a distribution p10 and p90 are looked at.

    Parameters
    ----------
    record : a frozen dataclass of inputs; its `name`, if it has one, stands in the sentence
    positive : fields that must be above 0
    not_negative : fields that must be at least 0
    shares : fields from 0 to 1
    rates : changes over a time, from above -1 to below 1

    >>> from economics.venture.selling import PricePlan
    >>> PricePlan(usd_per_month=-50)
    Traceback (most recent call last):
    ...
    economics.errors.InputError: usd_per_month is -50; it must be at least 0.
    """
    of = f" of {record.name}" if getattr(record, "name", "") else ""
    rules: tuple[tuple[tuple[str, ...], Callable[[float], bool], str], ...] = (
        (positive, lambda x: x > 0, "above 0"),
        (not_negative, lambda x: x >= 0, "at least 0"),
        (shares, lambda x: 0 <= x <= 1, "a share from 0 to 1"),
        (rates, lambda x: -1 < x < 1, "a change between -1 and 1"),
    )
    for names, holds, right in rules:
        for name in names:
            value = getattr(record, name)
            ends = [float(x) for x in value.ppf([0.1, 0.9])] if isinstance(value, Distribution) else [value]
            if not all(holds(end) for end in ends):
                shown = f"{ends[0]:g} to {ends[-1]:g}" if ends[0] != ends[-1] else ends[0]
                raise InputError(f"{name}{of}", shown, right)
