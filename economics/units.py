"""Numbers with units, as people write them: 7B, 2T, 80GB, 3d, 30%."""

from __future__ import annotations

import re
from typing import Literal

from economics.errors import InputError

Kind = Literal["count", "bytes", "seconds", "fraction", "usd", "bandwidth"]

_COUNT = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "m": 1e6, "B": 1e9, "b": 1e9, "G": 1e9, "T": 1e12, "t": 1e12,
          "P": 1e15, "E": 1e18}  # fmt: skip
_BYTES = {"": 1.0, "B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15, "K": 1e3, "M": 1e6, "G": 1e9,
          "T": 1e12, "KIB": 2.0**10, "MIB": 2.0**20, "GIB": 2.0**30, "TIB": 2.0**40, "PIB": 2.0**50}  # fmt: skip
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6, "m": 60.0, "min": 60.0, "h": 3600.0,
            "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0, "w": 604800.0, "weeks": 604800.0,
            "months": 2629800.0, "y": 31557600.0, "years": 31557600.0}  # fmt: skip
_EXAMPLES = {
    "count": "a number such as 7B, 2T, 1e12 or 300000",
    "bytes": "a number of bytes such as 80GB or 96GiB",
    "seconds": "a time such as 90s, 12h or 3d",
    "fraction": "a fraction such as 0.3 or 30%",
    "usd": "an amount in USD such as 2.50 or 1.2M",
    "bandwidth": "bytes per second such as 900GB/s",
}
_NUMBER = re.compile(r"^\s*\$?\s*([-+]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z%/]*)\s*$")


def parse_quantity(text: str | float, *, field: str, kind: Kind = "count") -> float:
    """Read a number with an optional unit; the unit's meaning depends on what is asked for.

    In a count `B` is a billion, in bytes it is the byte; `m` is a million in a count, a minute in a time. GB is
    10**9 and GiB is 2**30.

    Parameters
    ----------
    text : what was typed, or a number (returned as it is)
    field : the name that an error mentions
    kind : count, bytes, seconds, fraction, usd or bandwidth

    Raises
    ------
    InputError : naming field, value and what would be right

    >>> parse_quantity("7B", field="params"), parse_quantity("2T", field="tokens")
    (7000000000.0, 2000000000000.0)
    >>> parse_quantity("80GB", field="memory", kind="bytes"), parse_quantity("3d", field="time", kind="seconds")
    (80000000000.0, 259200.0)
    >>> parse_quantity("30%", field="utilisation", kind="fraction")
    0.3
    """
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise InputError(field, text, _EXAMPLES[kind])
    if isinstance(text, int | float):
        value, unit = float(text), ""
    else:
        match = _NUMBER.match(text)
        if not match:
            raise InputError(field, text, _EXAMPLES[kind])
        value, unit = float(match.group(1).replace(",", "").replace("_", "")), match.group(2)
    factor = _factor(unit, kind)
    if factor is None or value != value or value in (float("inf"), float("-inf")):
        raise InputError(field, text, _EXAMPLES[kind])
    return value * factor


def _factor(unit: str, kind: Kind) -> float | None:
    if kind == "fraction":
        return {"": 1.0, "%": 0.01}.get(unit)
    if kind == "seconds":
        return _SECONDS.get(unit, _SECONDS.get(unit.lower()))
    if kind == "bytes":
        return _BYTES.get(unit.upper())
    if kind == "bandwidth":
        return _BYTES.get(unit.removesuffix("/s").upper())
    return _COUNT.get(unit)


def positive(text: str | float, *, field: str, kind: Kind = "count", highest: float = float("inf")) -> float:
    """Read a quantity that must be above zero, and at most `highest`.

    >>> positive("0", field="tokens")
    Traceback (most recent call last):
    ...
    economics.errors.InputError: tokens is '0'; it must be above 0.
    """
    value = parse_quantity(text, field=field, kind=kind)
    if value <= 0:
        raise InputError(field, text, "above 0")
    if value > highest:
        raise InputError(field, text, f"at most {highest:,.4g}")
    return value


def whole(text: str | float, *, field: str, lowest: int = 1, highest: float = float("inf")) -> int:
    """Read a whole number from `lowest` on, up to `highest`.

    >>> whole("4k", field="sequence_length")
    4000
    """
    value = parse_quantity(text, field=field)
    if value != round(value) or not lowest <= value <= highest:
        raise InputError(
            field, text, f"a whole number from {lowest}" + (f" to {highest:,.0f}" if value > highest else "")
        )
    return round(value)


_STEPS = ((1e24, "Y"), (1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def readable(value: float, *, digits: int = 3, unit: str = "") -> str:
    """Write a number with an SI prefix and few digits, for tables.

    >>> readable(5.88e23, unit="FLOP"), readable(0.4125)
    ('588 ZFLOP', '0.412')
    """
    for size, prefix in _STEPS:
        if abs(value) >= size:
            return f"{value / size:.{digits}g} {prefix}{unit}".rstrip()
    return f"{value:.{digits}g} {unit}".rstrip()
