"""Results as tables for people."""

from __future__ import annotations

from math import floor, log10
from typing import Any

from rich.console import Console
from rich.table import Table

from economics.units import readable


def is_interval(value: object) -> bool:
    """Say whether a value is {"p10", "p50", "p90"}."""
    return isinstance(value, dict) and {"p10", "p50", "p90"} <= set(value)


def written(value: Any, name: str = "") -> str:
    """Write one value for a table: bytes in GB, dollars with a sign, intervals as a range."""
    if value is None:
        return "unknown"
    if is_interval(value):
        low, middle, high = (written(value[q], name) for q in ("p10", "p50", "p90"))
        return f"{middle}  ({low} to {high})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _written_float(value, name)
    if isinstance(value, list):
        return "; ".join(written(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{k}={written(v)}" for k, v in value.items())
    return str(value)


def _written_float(value: float, name: str) -> str:
    if "bytes" in name or name.endswith(("_peak", "device_total")):
        return f"{value / 1e9:,.2f} GB"
    if name.endswith("_fraction"):
        return f"{100 * value:.1f} %"
    if "usd" in name:
        return _written_usd(value)
    return readable(value) if abs(value) >= 1e5 else f"{value:,.4g}"


def _written_usd(value: float) -> str:
    """Cents from a cent on; below, two digits of whatever is there.

    >>> _written_usd(12.345), _written_usd(0.00004213), _written_usd(0.0), _written_usd(2.5e6)
    ('$12.35', '$0.000042', '$0.00', '$2.5 M')
    """
    if 0 < abs(value) < 0.01:
        return f"${value:.{min(12, 1 - floor(log10(abs(value))))}f}"
    return f"${value:,.2f}" if abs(value) < 1e4 else f"${readable(value)}"


def show_plainly(result: dict[str, Any], console: Console, *, title: str = "") -> None:
    """Draw a result: simple values first, then a table for each list of rows and each group of parts."""
    table = Table(title=title or None, show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    later: dict[str, Any] = {}
    for name, value in result.items():
        grouped = isinstance(value, dict) and not is_interval(value)
        rows = isinstance(value, list) and value and isinstance(value[0], dict)
        if grouped or rows:
            later[name] = value
        else:
            table.add_row(name.replace("_", " "), written(value, name))
    console.print(table)
    for name, value in later.items():
        if isinstance(value, list):
            show_rows(value, console, title=name.replace("_", " "))
        else:
            show_parts(value, console, title=name)


def show_parts(parts: dict[str, Any], console: Console, *, title: str) -> None:
    """Draw named parts under a title."""
    table = Table(title=title.replace("_", " "), show_header=False, box=None, title_justify="left", pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in parts.items():
        table.add_row("  " + str(name).replace("_", " "), written(value, f"{title}_{name}"))
    console.print(table)


def show_rows(
    rows: list[dict[str, Any]], console: Console, *, title: str = "", columns: list[str] | None = None
) -> None:
    """Draw a list of rows."""
    names = columns or list(rows[0])
    table = Table(title=title or None, box=None, title_justify="left", pad_edge=False)
    for name in names:
        numeric = any(isinstance(row.get(name), int | float) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*("" if row.get(name) is None else written(row[name], name) for name in names))
    console.print(table)
