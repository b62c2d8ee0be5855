"""Distributions from what people write: a number, quantiles, or a table of a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from economics.errors import InputError
from economics.uncertainty.distributions import (
    Beta,
    Distribution,
    Empirical,
    Fixed,
    LogNormal,
    Triangular,
    beta_from_quantiles,
    lognormal_from_quantiles,
)


def as_distribution(value: float | Distribution) -> Distribution:
    """A plain number as a fixed value; a distribution as itself.

    >>> as_distribution(2)
    Fixed(value=2.0)
    """
    return Fixed(float(value)) if isinstance(value, int | float) else value


def distribution_from_mapping(field: str, value: object) -> Distribution:
    """Read a distribution from a file: a number, or a table that names a family or three quantiles.

    ======================================  =====================================================
    in TOML                                 means
    ======================================  =====================================================
    ``x = 3.0``                             known exactly
    ``x = {p10 = 2, p50 = 3, p90 = 5}``     lognormal, these quantiles (beta if ``share = true``)
    ``x = {lognormal = [3.0, 0.2]}``        median and sigma of the logarithm
    ``x = {beta = [8, 2]}``                 two weights
    ``x = {triangular = [1, 3, 9]}``        least, most likely, greatest
    ``x = {empirical = [1.2, 3.1, 2.2]}``   observations
    ======================================  =====================================================

    >>> distribution_from_mapping("churn", {"beta": [2, 38]})
    Beta(a=2.0, b=38.0)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Mapping):
        raise InputError(field, value, "a number, or a table such as {p10 = 2, p50 = 3, p90 = 5}")
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise InputError(field, value, "a finite number")
        return Fixed(float(value))
    try:
        return _from_table(dict(value))
    except (TypeError, KeyError) as error:
        expected = "a table with p10, p50, p90, or one of lognormal, beta, triangular, empirical with its numbers"
        raise InputError(field, dict(value), expected) from error
    except ValueError as error:
        raise InputError(field, dict(value), f"a valid distribution ({error})") from error


def _from_table(table: dict[str, object]) -> Distribution:
    """One distribution from a table whose keys name it."""
    share = bool(table.pop("share", False))
    if "p50" in table or "p10" in table:
        known = {key: float(table.pop(key)) for key in ("p10", "p50", "p90") if key in table}  # type: ignore[arg-type]
        if table:
            raise KeyError(*table)
        if share:
            return beta_from_quantiles(**known)
        if "p50" not in known:
            return lognormal_from_quantiles(**known)
        return LogNormal.from_median(known["p50"], p10=known["p10"], p90=known["p90"])
    ((family, numbers),) = table.items() if len(table) == 1 else (("", ()),)
    arguments = tuple(float(x) for x in numbers)  # type: ignore[attr-defined]
    if family == "lognormal":
        median, sigma = arguments
        return LogNormal(math.log(median), sigma)
    if family == "empirical":
        return Empirical(arguments)
    families: dict[str, Callable[..., Distribution]] = {"beta": Beta, "triangular": Triangular, "fixed": Fixed}
    return families[family](*arguments)
