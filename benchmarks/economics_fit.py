"""Fits of scaling laws: do intervals cover, how far do laws err beyond their runs, and how fast is it all?

    python -m benchmarks.economics_fit coverage             # simulated points at 9, 12, 24 and 240 runs
    python -m benchmarks.economics_fit extrapolation FOLDER # published ladders (CSV) cut by compute
    python -m benchmarks.economics_fit speed                # 1,000 resamples, plan scan, venture paths

Coverage draws the true exponents from the prior (0.35 +- 0.05) and, separately, holds them at one published fit; runs
lie on a grid of sizes and tokens and have lognormal noise. Prints Markdown; docs/numbers/scaling-laws.md quotes it, and
docs/performance/economics.json keeps the figures of coverage and speed.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from economics.constants import LAW_FORM_NOISE
from economics.errors import EconomicsError
from economics.plan import HardwareOffer, Limits, pareto_front, plan_choose, plan_scan
from economics.scaling import LossLaw, Points, points_read, predict_loss
from economics.scaling.parametric import fit_parametric
from economics.scaling.predict import LEAST_FORM_SIGMA, loss_draws
from economics.scaling.published import published_law
from economics.uncertainty import Fixed, LogNormal
from economics.venture import PricePlan, Segment, Venture, venture_simulate

GRIDS = {9: (3, 3), 12: (4, 3), 24: (6, 4), 240: (20, 12)}
NOISE = 0.004
NAMES = ("E", "A", "B", "alpha", "beta")


def true_law(rng: np.random.Generator, *, fixed: bool) -> LossLaw:
    """A law with about a third of a nat in each term at 1 B parameters and 20 B tokens."""
    alpha, beta = (0.3473, 0.3672) if fixed else rng.normal(0.35, 0.05, 2)
    return LossLaw(E=1.8, A=0.36 * 1e9**alpha, B=0.35 * 2e10**beta, alpha=alpha, beta=beta)


def coverage_row(num_runs: int, *, fixed: bool, num_simulations: int, seed: int = 3) -> dict[str, float]:
    """Share of simulations in which p10-p90 holds the truth, for each coefficient and for a prediction."""
    rng = np.random.default_rng([seed, num_runs, fixed])
    rows, columns = GRIDS[num_runs]
    wide = num_runs > 20
    n, d = np.meshgrid(
        np.geomspace(5e7, 5e9 if wide else 1e9, rows), np.geomspace(1e9, 1e11 if wide else 2e10, columns)
    )
    n, d = n.ravel(), d.ravel()
    at = (2 * n.max(), 2 * d.max())
    inside: dict[str, list[bool]] = {name: [] for name in (*NAMES, "mean loss", "loss of a run")}
    for _ in range(num_simulations):
        truth = true_law(rng, fixed=fixed)
        loss = truth.loss(n, d) * np.exp(NOISE * rng.standard_normal(n.size))
        fitted = fit_parametric(
            Points(num_params=n, num_tokens=d, loss=loss), num_resamples=300, seed=int(rng.integers(1 << 30))
        )
        for name, interval in fitted.intervals.items():
            inside[name].append(getattr(truth, name) in interval)
        found, target = predict_loss(fitted, *at), float(truth.loss(*at))
        inside["mean loss"].append(target in found.mean_loss)
        inside["loss of a run"].append(target * float(np.exp(NOISE * rng.standard_normal())) in found.loss)
    return {name: float(np.mean(values)) for name, values in inside.items()}


def keep(out: Path, name: str, found: dict[str, Any]) -> None:
    """Write one part of the figures beside those of the other parts, with the day and the machine."""
    kept = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    day = dt.datetime.now(tz=dt.UTC).date().isoformat()
    kept[name] = {"date": day, "cores": os.cpu_count(), "python": platform.python_version(), **found}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def coverage(num_simulations: int, out: Path) -> None:
    """Print the table of coverages with the band that chance allows, and keep it."""
    rows: list[dict[str, Any]] = []
    band = 1.645 * np.sqrt(0.8 * 0.2 / num_simulations)
    print(
        f"{num_simulations} simulations; an exact 80 % interval shows {80 - 100 * band:.0f} to {80 + 100 * band:.0f} %.\n"
    )
    print("| runs | truth | " + " | ".join((*NAMES, "mean loss", "loss of a run")) + " |")
    print("| --- " * 9 + "|")
    for num_runs in GRIDS:
        for fixed in (True, False):
            row = coverage_row(num_runs, fixed=fixed, num_simulations=num_simulations)
            cells = " | ".join(f"{100 * value:.0f} %" for value in row.values())
            print(f"| {num_runs} | {'fixed' if fixed else 'from the prior'} | {cells} |", flush=True)
            rows.append({"runs": num_runs, "truth": "fixed" if fixed else "from the prior", "inside_p10_p90": row})
    keep(
        out, "fit_coverage", {"simulations": num_simulations, "nominal": 0.8, "chance_band": float(band), "rows": rows}
    )


def ladders(folder: Path) -> Iterator[tuple[str, Points]]:
    """Published ladders of 24 runs or more."""
    sources = {
        "chinchilla_points.csv": ("excluded_in_besiroglu_fit", "params", "tokens", "loss"),
        "isoflops_open_athena.csv": ("experiment", "params", "tokens", "loss"),
        "gadre_overtraining_runs.csv": ("dataset", "params", "tokens", "loss_c4_val"),
        "porian_isoflop_points.csv": ("file,hparams,warmup,decay,param_count,val_split", "params", "tokens", "loss"),
    }
    for file, (keys, n, d, loss) in sources.items():
        with (folder / file).open() as text:
            rows = [row for row in csv.DictReader(text) if row[loss] and row.get("outlier") != "True"]
        groups: dict[str, list[dict[str, str]]] = {}
        for row in rows:
            groups.setdefault("/".join(row[key] for key in keys.split(",")), []).append(row)
        for name, group in sorted(groups.items()):
            if name != "yes" and len(group) >= 24:
                columns = {"num_params": n, "num_tokens": d, "loss": loss}
                yield (
                    f"{file.split('_')[0]} {name}",
                    Points(**{k: [float(r[c]) for r in group] for k, c in columns.items()}),
                )


def extrapolation(folder: Path) -> None:
    """Fit the lower part of each ladder by compute, predict the upper, and score several sizes of form noise."""
    cells = []
    for name, points in ladders(folder):
        compute = points.compute_flop
        for share in (0.5, 0.65, 0.8):
            cut = np.quantile(compute, share)
            below, above = points.subset(compute <= cut), points.subset(compute > 1.5 * cut)
            if above.num_points < 2 or below.num_clusters < 16:
                continue
            try:
                fitted = fit_parametric(below, num_resamples=200)
            except EconomicsError as error:
                print(f"left out: {name} at {share:.0%}: {error}")
                continue
            draws = np.log(loss_draws(fitted, above.num_params, above.num_tokens))
            centre = np.log(fitted.law.loss(above.num_params, above.num_tokens))
            decades = np.log10(above.compute_flop / fitted.largest_compute_flop).clip(0)
            cells.append((fitted.noise_sigma, draws - np.median(draws, axis=0) + centre, np.log(above.loss), decades))
    print(f"\n{len(cells)} splits, each weighing the same.\n")
    print("| form noise / noise | inside p10-p90 | interval score |\n| --- | --- | --- |")
    rng = np.random.default_rng(0)
    for factor in (0.0, 0.5, 1.0, LAW_FORM_NOISE.value, 2.0, 3.0):
        inside, score = [], []
        for noise, draws, seen, decades in cells:
            sigma = np.hypot(noise, max(factor * noise, LEAST_FORM_SIGMA * (factor > 0)) * decades)
            repeated = np.tile(draws, (20, 1))
            low, high = np.quantile(repeated + sigma * rng.standard_normal(repeated.shape), [0.1, 0.9], axis=0)
            inside.append(np.mean((seen >= low) & (seen <= high)))
            score.append(np.mean(high - low + 10 * np.maximum(low - seen, 0) + 10 * np.maximum(seen - high, 0)))
        print(f"| {factor:g} | {100 * np.mean(inside):.0f} % | {np.mean(score):.4f} |")


def speed(out: Path) -> None:
    """Seconds of the three heavy computations, best of three, on one core of this machine."""
    kept: dict[str, Any] = {}
    points = points_read(Path(__file__).parents[1] / "tests" / "economics" / "data" / "digitised_runs.csv")
    offer = HardwareOffer(
        name="x", usd_per_accelerator_hour=2.0, counts=(8, 64, 512), peak_flop_per_second=1e15, memory_bytes=8e10
    )
    seats = Segment(
        name="seats",
        plan=PricePlan(usd_per_month=50, usd_per_million_tokens=3),
        market_customers=LogNormal(10.0, 0.3),
        tokens_per_customer_month=LogNormal(15.0, 0.3),
        acquisition_usd=Fixed(200.0),
    )

    def scan() -> int:
        grids = {"sizes": np.geomspace(1e8, 1e12, 250), "tokens": np.geomspace(1e9, 1e14, 250)}
        found = plan_scan(published_law(), [offer] * 2, Limits(budget_usd=1e6, deadline_seconds=3e6), **grids)
        plan_choose(found, "best-loss")
        pareto_front(found)
        return found.num_configurations

    for key, name, work in (
        (
            "fit_1000_resamples_of_240_points_seconds",
            "1,000 resamples of 240 points",
            lambda: fit_parametric(points, num_resamples=1000),
        ),
        ("plan_scan_seconds", "plan: scan, choose, front", scan),
        (
            "venture_10000_paths_60_months_seconds",
            "venture: 10,000 paths x 60 months",
            lambda: venture_simulate(Venture(segments=(seats,))),
        ),
    ):
        best, answer = np.inf, None
        for _ in range(3):
            began = time.perf_counter()
            answer = work()
            best = min(best, time.perf_counter() - began)
        rate = f", {answer / best:,.0f} configurations a second" if isinstance(answer, int) else ""
        print(f"{name}: {best:.2f} s{rate}")
        kept[key] = round(best, 3)
        if isinstance(answer, int):
            kept["plan_configurations_per_second"] = round(answer / best)
    keep(out, "speed", kept)


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="speed", choices=("coverage", "extrapolation", "speed"))
    parser.add_argument("folder", nargs="?", type=Path, help="folder of the published CSV files (extrapolation)")
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("docs/performance/economics.json"))
    arguments = parser.parse_args()
    if arguments.what == "coverage":
        coverage(arguments.simulations, arguments.out)
    elif arguments.what == "speed":
        speed(arguments.out)
    elif arguments.folder and arguments.folder.is_dir():
        extrapolation(arguments.folder)
    else:
        parser.error("extrapolation needs the folder of the published CSV files")


if __name__ == "__main__":
    main()
