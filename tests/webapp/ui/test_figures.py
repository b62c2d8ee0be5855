"""Numbers as people read them."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

import pytest

from webapp.ui.cells import safe_cell
from webapp.ui.templatetags import figures


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (999, "999"), (9_999, "9,999"), (12_345, "12.3 k"), (1_234_567, "1.23 M"), (7e9, "7.00 B"), (None, "–")],
)
def test_count(value: float | None, shown: str) -> None:
    assert figures.count(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "$0"), (0.00036, "$0.00036"), (0.05, "$0.050"), (1.5, "$1.50"), (1234.5, "$1,234.50"), (118_000, "$118 k"),
        (8.5e-8, "$8.5e-8"), (2e-14, "$0"),
        (Decimal("2.5"), "$2.50"), (-3, "-$3.00"), (None, "–"), (math.nan, "–"),
    ],
)  # fmt: skip
def test_usd(value: float | None, shown: str) -> None:
    assert figures.usd(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (34e-6, "34 µs"),
        (0.25, "0.25 s"),
        (41, "41 s"),
        (200, "3 min 20 s"),
        (7_500, "2 h 05 min"),
        (300_000, "3 d 11 h"),
        (3e12, "95,000 years"),
        (None, "–"),
    ],
)
def test_seconds(value: float | None, shown: str) -> None:
    assert figures.seconds(value) == shown
    if value is not None:
        assert figures.seconds(timedelta(seconds=value)) == shown


@pytest.mark.parametrize(
    ("filter_", "value", "shown"),
    [
        (figures.size, 9_100_000_000, "9.10 GB"),
        (figures.energy, 0.00032, "0.32 Wh"),
        (figures.energy, 1.234, "1.2 kWh"),
        (figures.grams, 0.00013, "0.13 g"),
        (figures.grams, 4_200, "4.2 t"),
        (figures.percent, 0.314, "31 %"),
        (figures.figure, 1.61234, "1.612"),
        (figures.figure, 1e-5, "1e-05"),
    ],
)
def test_units_are_at_the_edge(filter_: object, value: float, shown: str) -> None:
    assert filter_(value) == shown  # type: ignore[operator]


def test_unknown_is_never_zero() -> None:
    for filter_ in (
        figures.count,
        figures.usd,
        figures.seconds,
        figures.size,
        figures.energy,
        figures.figure,
        figures.percent,
    ):
        assert filter_(None) == figures.UNKNOWN
        assert filter_("nonsense") == figures.UNKNOWN
        assert filter_(float("inf")) == figures.UNKNOWN


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd", "@x", "\t=1", "\r=1"])
def test_cells_run_no_formula(text: str) -> None:
    assert str(safe_cell(text)).startswith("'")


def test_numbers_in_cells_stay_numbers() -> None:
    assert safe_cell(-1.5) == -1.5
    assert safe_cell("-1.5") == "-1.5"
