"""Figures of docs/numbers: scaling laws and ventures, drawn as SVG from the package's own answers.

python -m benchmarks.economics_fit_figures        # writes docs/numbers/figures/*.svg
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from economics.scaling import law_fit, points_read
from economics.uncertainty import Beta, Fixed, LogNormal
from economics.venture import (
    OtherCost,
    PricePlan,
    Role,
    Segment,
    Serving,
    Staircase,
    Training,
    Venture,
    break_even_volume,
    follower_cost,
    venture_simulate,
)

ROOT = Path(__file__).parents[1]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 380, 70, 20, 40, 54
BLUE, ORANGE, GREEN, GREY = "#1d5bd8", "#c8630a", "#0a8a4a", "#777777"


class Chart:
    """Axes with lines, bands and points; linear or logarithmic."""

    def __init__(
        self,
        title: str,
        x: tuple[float, float, str],
        y: tuple[float, float, str],
        *,
        log_x: bool = False,
        log_y: bool = False,
    ) -> None:
        self.x, self.y, self.log_x, self.log_y = x, y, log_x, log_y
        self.parts = [f'<text x="{LEFT}" y="22" font-size="15" font-weight="600">{title}</text>']
        self._axes()

    def at_x(self, value: float) -> float:
        """Pixel of a value on the horizontal axis."""
        return LEFT + (WIDTH - LEFT - RIGHT) * _share(value, self.x, self.log_x)

    def at_y(self, value: float) -> float:
        """Pixel of a value on the vertical axis."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * _share(value, self.y, self.log_y)

    def _axes(self) -> None:
        for value in _ticks(self.x, self.log_x):
            at = self.at_x(value)
            self.parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#e5e5e5"/>')
            self.parts.append(
                f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_short(value)}</text>'
            )
        for value in _ticks(self.y, self.log_y):
            at = self.at_y(value)
            self.parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#e5e5e5"/>')
            self.parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{_short(value)}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        self.parts.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{self.x[2]}</text>')
        self.parts.append(
            f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{self.y[2]}</text>'
        )

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str, *, dash: str = "", label: str = "") -> None:
        """A line, with its name at its right end."""
        pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if self._inside(x, y)]
        if not pairs:
            return
        path = " ".join(f"{self.at_x(x):.1f},{self.at_y(y):.1f}" for x, y in pairs)
        style = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{style}/>')
        if label:
            x, y = self.at_x(pairs[-1][0]) - 4, self.at_y(pairs[-1][1]) - 7
            self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end" fill="{colour}">{label}</text>')

    def band(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str) -> None:
        """The area between two lines."""
        up = [f"{self.at_x(x):.1f},{self.at_y(y):.1f}" for x, y in zip(xs, high, strict=True)]
        down = [f"{self.at_x(x):.1f},{self.at_y(y):.1f}" for x, y in zip(xs, low, strict=True)]
        self.parts.append(f'<polygon points="{" ".join(up + down[::-1])}" fill="{colour}" fill-opacity="0.15"/>')

    def points(self, xs: Sequence[float], ys: Sequence[float], colour: str) -> None:
        """Small circles."""
        self.parts += [
            f'<circle cx="{self.at_x(x):.1f}" cy="{self.at_y(y):.1f}" r="2.6" fill="{colour}" fill-opacity="0.6"/>'
            for x, y in zip(xs, ys, strict=True)
            if self._inside(x, y)
        ]

    def save(self, name: str) -> None:
        """Write the file."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        head += ' font-family="system-ui, sans-serif" font-size="12" fill="#333333">'
        back = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        folder = ROOT / "docs" / "numbers" / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join([head, back, *self.parts, "</svg>", ""]), encoding="utf-8")

    def _inside(self, x: float, y: float) -> bool:
        return self.x[0] <= x <= self.x[1] and self.y[0] <= y <= self.y[1]


def _share(value: float, axis: tuple[float, float, str], logarithmic: bool) -> float:
    low, high, _ = axis
    if logarithmic:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _ticks(axis: tuple[float, float, str], logarithmic: bool) -> list[float]:
    low, high, _ = axis
    if logarithmic:
        first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        return [10.0**k for k in range(first, last + 1)]
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(k for k in (1, 2, 5, 10) if (high - low) / (k * step) <= 7)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _short(value: float) -> str:
    for size, letter in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " k")):
        if 1e15 > abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}" if abs(value) < 1e15 else f"1e{round(math.log10(value))}"


def draw_isoquants() -> None:
    """Isoquants of the default fit, its isocost, the band within 10 % and the 240 runs."""
    points = points_read(ROOT / "tests" / "economics" / "data" / "digitised_runs.csv")
    law = law_fit(points, num_resamples=10).law
    assert law is not None
    chart = Chart(
        "Equal loss, one budget (dashed), within 10 % of the best (green)",
        (1e7, 1e12, "parameters"), (1e8, 1e14, "training tokens"), log_x=True, log_y=True,
    )  # fmt: skip
    sizes = np.geomspace(1e7, 1e12, 300)
    for loss in (1.9, 2.0, 2.1, 2.2, 2.4, 2.7, 3.0, 3.5):
        tokens = law.tokens_for_loss(sizes, loss)
        kept = np.isfinite(tokens) & (tokens > 1e8) & (tokens < 1e14)
        chart.line(sizes[kept].tolist(), tokens[kept].tolist(), BLUE, label=f"{loss:g}")
    budget = 1e23
    chart.line(sizes.tolist(), (budget / 6 / sizes).tolist(), ORANGE, dash="5 3")
    band = law.band(budget)
    near = np.geomspace(band.num_params_low, band.num_params_high, 40)
    chart.line(near.tolist(), law.tokens_for_loss(near, band.best.loss).tolist(), GREEN)
    chart.points(points.num_params.tolist(), points.num_tokens.tolist(), GREY)
    chart.save("isoquants.svg")


def draw_extrapolation() -> None:
    """Reducible loss along the optimum, its interval, and the runs near their optimum."""
    from economics.scaling.predict import optimal_band, reducible_loss

    points = points_read(ROOT / "tests" / "economics" / "data" / "digitised_runs.csv")
    fitted = law_fit(points, num_resamples=400)
    law = fitted.law
    assert law is not None
    computes = np.geomspace(1e18, 1e26, 33)
    found = [optimal_band(fitted, float(c)).loss for c in computes]
    chart = Chart(
        "Loss above the floor at the best mix: p10 to p90 of one run",
        (1e18, 1e26, "training compute, FLOP"), (0.05, 2.0, "loss - E"), log_x=True, log_y=True,
    )  # fmt: skip
    low, mid, high = (np.maximum([getattr(x, q) - law.E for x in found], 0.051) for q in ("p10", "p50", "p90"))
    chart.band(computes.tolist(), low.tolist(), high.tolist(), BLUE)
    chart.line(computes.tolist(), mid.tolist(), BLUE, dash="5 3")
    near = np.array(
        [law.regret_fraction(n, d) < 0.25 for n, d in zip(points.num_params, points.num_tokens, strict=True)]
    )
    kept = points.subset(near)
    chart.points(kept.compute_flop.tolist(), reducible_loss(law, kept.loss).tolist(), GREY)
    chart.save("extrapolation.svg")


def example_venture() -> Venture:
    """The worked example of docs/numbers/ventures.md."""
    seats = Segment(
        name="Seats",
        plan=PricePlan(usd_per_month=50, included_tokens_per_month=2e6, usd_per_million_tokens=3, prepaid_fraction=0.3,
                       collection_days=30),
        market_customers=LogNormal.from_median(20_000, p10=8_000, p90=40_000), churn_per_month=Beta(12, 388),
        churn_customers_observed=60, tokens_per_customer_month=LogNormal.from_median(5e6, p10=3e6, p90=8e6),
        acquisition_usd=Fixed(200.0), free_users_per_customer=5.0, free_tokens_per_user_month=2e5,
    )  # fmt: skip
    return Venture(
        segments=(seats,), serving=Serving(api_usd_per_million_tokens=1.5), launch_month=2, opening_cash_usd=5e5,
        training=(Training(month=0, cost_usd=LogNormal.from_median(1e5, p10=8e4, p90=2e5), every_months=18),),
        people=(Role(name="Engineers", usd_per_year=150_000, count=4),),
        other_costs=(OtherCost(name="Office and tools", usd_per_month=8_000),),
    )  # fmt: skip


def draw_cash() -> None:
    """Cash of the example, p10 to p90."""
    found = venture_simulate(example_venture(), num_paths=10_000)
    low, mid, high = np.quantile(found.cash, [0.1, 0.5, 0.9], axis=1)
    months = list(range(1, 61))
    chart = Chart("Cash of the example: median, p10 to p90, before tax", (0, 60, "month"), (-4e6, 6e6, "USD"))
    high = np.minimum(high, 6e6)
    chart.band(months, low.tolist(), high.tolist(), BLUE)
    chart.line(months, mid.tolist(), BLUE, dash="5 3")
    chart.line([0, 60], [0, 0], GREY)
    chart.save("cash.svg")


def draw_staircase() -> None:
    """Own replicas against an API."""
    own = Staircase(tokens_per_second_per_replica=2000, usd_per_replica_hour=2.5)
    volumes = np.linspace(0, 12e9, 1201)
    chart = Chart(
        "A month of serving: own replicas (blue) or an API (orange)", (0, 12e9, "tokens a month"), (0, 18e3, "USD")
    )
    chart.line(volumes.tolist(), own.usd_per_month(volumes).tolist(), BLUE)
    chart.line(volumes.tolist(), (volumes * 1.5e-6).tolist(), ORANGE)
    found = break_even_volume(own, 1.5)
    meets = [found.first_tokens_per_month or 0.0, found.always_tokens_per_month or 0.0]
    chart.points(meets, [volume * 1.5e-6 for volume in meets], GREEN)
    chart.save("staircase.svg")


def draw_barrier() -> None:
    """What a follower pays."""
    months = [float(m) for m in range(0, 37, 2)]
    found = follower_cost(1e6, months=months)
    chart = Chart(
        "Cost of the same result for a follower, first cost 1 M", (0, 36, "months later"), (1e3, 2e6, "USD"), log_y=True
    )
    low, mid, high = ([max(getattr(found[m], q), 1001.0) for m in months] for q in ("p10", "p50", "p90"))
    chart.band(months, low, high, BLUE)
    chart.line(months, mid, BLUE, dash="5 3")
    chart.save("barrier.svg")


def main() -> None:
    """Draw all."""
    for draw in (draw_isoquants, draw_extrapolation, draw_cash, draw_staircase, draw_barrier):
        draw()
        print(f"{draw.__name__}: done")


if __name__ == "__main__":
    main()
