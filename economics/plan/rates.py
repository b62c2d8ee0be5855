"""How fast rents fall and algorithms improve, from the catalogue, as distributions."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from importlib import resources

from economics.uncertainty import LogNormal

Z95 = 1.6448536269514722
"""95 % point of the standard normal: the ends of a 90 % interval."""


@cache
def rate(name: str) -> LogNormal:
    """A learning rate with its 90 % interval, as a lognormal whose median is the central value.

    >>> round(rate("algorithms_halving_months").median, 6)
    8.0
    """
    rows = tomllib.loads((resources.files("economics") / "catalogue" / "rates.toml").read_text(encoding="utf-8"))
    row = rows[name]
    return LogNormal(math.log(row["value"]), math.log(row["high"] / row["low"]) / (2 * Z95))
