"""The part of docs/performance that says how cost grows: a table with the exponents, and a plot each."""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM, TOP = 400, 230, 64, 28, 36, 46
LINE, INK, GRID = "#1d5bd8", "#59636e", "#d7dce1"
MOST_NOISE = 1.1
HEAD = """## How cost grows

The exponent of the power law through the measured points: 0 does not grow, 1 grows in proportion, 2 with the square.

| cost | over | exponent | from | to | CPU of others | why above 1 |
| --- | --- | ---: | --- | --- | ---: | --- |"""


def growth_page(folder: Path) -> str:
    """Return the Markdown, and write the plots beside the measurements; empty where nothing was measured."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    if not found:
        return ""
    for each in found:
        (folder / f"{each['name']}.svg").write_text(plot(each), encoding="utf-8")
    pictures = " ".join(f"![{each['name'].replace('_', ' ')}](growth/{each['name']}.svg)" for each in found)
    return "\n".join([HEAD, *map(row, found), "", pictures, ""])


def row(each: dict[str, Any]) -> str:
    ends = [f"{cost:.3g} {each['unit']} at {size:,}" for size, cost in zip(each["sizes"], each["costs"], strict=True)]
    others = f"{100 * each['cpu_share_of_others']:.0f} %"
    cells = [
        each["name"].replace("_", " "),
        each["over"],
        str(each["exponent"]),
        ends[0],
        ends[-1],
        others,
        each["why"] or reason_of(each["exponent"]),
    ]
    return f"| {' | '.join(cells)} |"


def reason_of(exponent: float) -> str:
    """Return what stands where nobody gave a reason."""
    return "in proportion, as near as it was measured" if 1 < exponent <= MOST_NOISE else ""


def plot(each: dict[str, Any]) -> str:
    """Return the points and the line between them, both axes in logarithms."""
    x, y = placed(each["sizes"], LEFT, WIDTH - RIGHT), placed(each["costs"], HEIGHT - BOTTOM, TOP)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    middle = (LEFT + WIDTH - RIGHT) / 2
    return "\n".join([
        (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img"'
        f' aria-label="{escape(each["name"])}" font-family="system-ui, sans-serif" font-size="11" fill="{INK}">'),
        (f'<text x="{LEFT}" y="16" font-weight="600">{escape(each["name"].replace("_", " "))}: exponent'
        f" {each['exponent']}</text>"),
        f'<text x="{LEFT}" y="32">{escape(each["unit"])}</text>',
        f'<path d="M{LEFT} {TOP} V{HEIGHT - BOTTOM} H{WIDTH - RIGHT}" fill="none" stroke="{GRID}"/>',
        *(f'<text x="{a:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{short(size)}</text>'
          for a, size in zip(x, each["sizes"], strict=True)),
        *(f'<text x="{LEFT - 6}" y="{b + 4:.1f}" text-anchor="end">{cost:.2g}</text>'
          for b, cost in ((y[0], each["costs"][0]), (y[-1], each["costs"][-1]))),
        f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="2"/>',
        *(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{LINE}"/>' for a, b in zip(x, y, strict=True)),
        f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(each["over"])}</text>',
        "</svg>", "",
    ])  # fmt: skip


def placed(values: list[float], start: float, end: float) -> list[float]:
    """Return where values lie between two ends of an axis, by their logarithms."""
    logs = [math.log(value) for value in values]
    low, high = min(logs), max(logs)
    return [start + (end - start) * (0.5 if high == low else (each - low) / (high - low)) for each in logs]


def short(size: float) -> str:
    for unit, prefix in ((1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{size / unit:.3g} {prefix}"
    return f"{size:g}"
