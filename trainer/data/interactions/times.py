"""Times in whatever form tables have them, as milliseconds since 1970 in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

MIN_SECONDS = 100_000_000
"""Smaller numbers (before 1973) are no seconds since 1970: they are an order."""

FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
)
ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
LAST_MOMENT = 253_402_300_799_999
"""In the year 9999: what lies behind is no time."""

DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日", "%Y%m%d", "%d.%m.%Y")
"""Not 11/12/2023: who wrote it alone knows which is the day."""


def parse_times(values: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return milliseconds and, for each value, whether it is a time. Numbers may count s, ms, us or ns, told by their size."""
    texts = pl.Series("time", [_text(value) for value in values], dtype=pl.String).str.strip_chars()
    numbers = texts.cast(pl.Float64, strict=False)
    frame = pl.DataFrame({"text": texts, "number": numbers})
    text = pl.col("text")
    parsed = [
        *(text.str.to_datetime(form, strict=False, time_unit="ms") for form in FORMATS),
        *(
            text.str.to_datetime(form, strict=False, time_unit="ms", time_zone="UTC").dt.replace_time_zone(None)
            for form in ZONED
        ),
        *(text.str.to_date(form, strict=False).cast(pl.Datetime("ms")) for form in DAYS),
    ]
    is_number = pl.col("number").is_not_null() & pl.col("number").is_finite() & (text.str.len_chars() != 8)
    if frame.select(is_number.all()).item():
        found = _milliseconds(numbers.to_numpy())
        return found, np.abs(found) <= LAST_MOMENT
    dates = frame.select(pl.coalesce(parsed).dt.epoch("ms").alias("ms"))["ms"]
    known = dates.is_not_null().to_numpy()
    told = np.where(known, np.nan, numbers.fill_null(np.nan).to_numpy())
    times = np.where(known, dates.fill_null(0).to_numpy(), _milliseconds(told))
    return times, (known | np.isfinite(told)) & (np.abs(times) <= LAST_MOMENT)


def _milliseconds(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    size = np.abs(np.nan_to_num(numbers, posinf=0, neginf=0))
    scale = np.select([size < 1e11, size < 1e14, size < 1e17], [1e3, 1.0, 1e-3], 1e-6)
    beyond = LAST_MOMENT + 1
    scaled = np.nan_to_num(numbers * scale, posinf=beyond, neginf=beyond).clip(-beyond, beyond)
    found: NDArray[np.int64] = scaled.astype(np.int64)
    return found


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return f"{(value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp():.6f}"
    if isinstance(value, date):
        return f"{datetime.combine(value, time(), UTC).timestamp():.3f}"
    return repr(value)


def is_order_only(times: NDArray[np.int64]) -> bool:
    """Return whether the times are numbers in a row, not moments."""
    return bool(len(times)) and int(times.max()) < MIN_SECONDS * 1_000


def show_time(milliseconds: int) -> str:
    """Return a moment as people read it, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1e3, UTC).strftime("%Y-%m-%d %H:%M")
