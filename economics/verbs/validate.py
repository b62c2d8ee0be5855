"""Predict every row of a file of published measurements from its inputs, and print how near it came."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from rich.console import Console

from economics.constants import SERVING_SPREAD
from economics.errors import EconomicsError, InputError
from economics.tables import show_rows
from economics.validation.inference import (
    InferenceRow,
    nearest_share,
    one_share,
    predict_inference,
    read_inference,
)
from economics.validation.predictions import (
    Prediction,
    memory_predictions,
    steady_predictions,
)
from economics.validation.refit import changed, refit_on, refit_serving_on
from economics.validation.runs import RunRow, read_run, usable
from economics.validation.spreads import with_spreads_of_others
from economics.validation.summary import pooled_coverage, summarise
from economics.validation.whole_runs import refit_run_constants, run_predictions


def validate(
    path: str | Path,
    *,
    leave_one: str | None = None,
    everything: bool = False,
    also: tuple[str | Path, ...] = (),
    kinds: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return errors by cluster, interval score, coverage and baselines of a file of measurements.

    Rows that are flagged, secondary or from memory are left out unless `everything` is asked for. With
    `leave_one="source"` the constants are fitted again without the source that is predicted.

    Parameters
    ----------
    path : a CSV in the form of published_runs.csv or inference_bench.csv
    also : further files in the same form, taken with it
    kinds : only these kinds of rows of training (full_run, benchmark); empty: all
    """
    if leave_one not in (None, "source"):
        raise InputError("leave_one", leave_one, "source, or left out")
    table = [line for one in (path, *also) for line in _lines(one)]
    table = [line for line in table if not kinds or line.get("row_type") in kinds] or table[:1]
    columns = set(table[0])
    if {"weight_dtype", "scenario"} <= columns:
        predictions, skipped = _inference(table, leave_one=leave_one)
    elif {"row_type", "hardware"} <= columns:
        predictions, skipped = _runs(table, leave_one=leave_one, everything=everything)
    else:
        raise InputError("csv", str(path), "in the form of published_runs.csv or inference_bench.csv")
    if not predictions:
        raise InputError("csv", str(path), "a file with at least one row that can be predicted from its inputs")
    groups: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault(prediction.group, []).append(prediction)
    pooled = [p for p in predictions if p.group != "steady, layout not given"]
    left_out = with_spreads_of_others(predictions, pool="scenario" in columns)
    left_out_pooled = [p for p in left_out if p.group != "steady, layout not given"]
    return {
        "file": str(path),
        "leave_one": leave_one,
        "num_rows_in_file": len(table),
        "num_rows_left_out": skipped,
        "groups": {name: summarise(group) for name, group in groups.items()},
        "coverage": pooled_coverage(pooled),
        "coverage_spreads_of_other_sources": {
            **pooled_coverage(left_out_pooled),
            "interval_score": {
                name: summarise([p for p in left_out if p.group == name])["interval_score"] for name in groups
            },
        },
        "rows": [_row(p) for p in predictions],
    }


def _lines(path: str | Path) -> list[dict[str, str]]:
    try:
        with Path(path).open(encoding="utf-8", newline="") as lines:
            table = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("csv", str(path), f"a CSV file that can be read ({error})") from None
    if not table:
        raise InputError("csv", str(path), "a file with rows")
    return table


def _row(p: Prediction) -> dict[str, Any]:
    return {
        "group": p.group,
        "cluster": p.cluster,
        "model": p.model,
        "measured": p.measured,
        "predicted": p.predicted.to_dict(),
        "ln_error": p.log_error,
        "unit": p.unit,
    }


def _inference(table: list[dict[str, str]], *, leave_one: str | None) -> tuple[list[Prediction], int]:
    rows: list[InferenceRow] = []
    for line in table:
        try:
            row = read_inference(line)
        except EconomicsError:
            row = None
        if row is not None:
            rows.append(row)
    out: list[Prediction] = []
    for source in dict.fromkeys(row.cluster for row in rows):
        others = [row for row in rows if row.cluster != source]
        with changed(refit_serving_on(others) if leave_one else {}):
            out += [_predicted(row, rows) for row in rows if row.cluster == source]
    return out, len(table) - len(out)


def _predicted(row: InferenceRow, rows: list[InferenceRow]) -> Prediction:
    return Prediction(
        model=row.model,
        cluster=row.cluster,
        group=row.group,
        measured=row.measured_tokens_per_second,
        predicted=predict_inference(row),
        unit="tokens / s",
        one_number=one_share(row, rows),
        nearest_row=nearest_share(row, rows),
    )


def _runs(table: list[dict[str, str]], *, leave_one: str | None, everything: bool) -> tuple[list[Prediction], int]:
    rows: list[RunRow] = []
    for line in table:
        try:
            row = read_run(line)
        except EconomicsError:
            row = None
        if row is not None and (everything or usable(row)):
            rows.append(row)
    if leave_one is None:
        found = steady_predictions(rows) + run_predictions(rows) + memory_predictions(rows)
        return found, len(table) - len({id(r) for r in rows})
    out: list[Prediction] = []
    of_steps: dict[tuple[int, ...], dict[str, float]] = {}  # many sources have no steady rows: one fit serves them all
    for source in sorted({row.source for row in rows}):  # a source's kinds of rows are left out together
        same = [row for row in rows if row.source == source]
        others = [row for row in rows if row.source != source]
        steady = tuple(id(row) for row in others if row.kind == "benchmark")
        if steady not in of_steps:
            of_steps[steady] = refit_on(others)
        with changed(of_steps[steady]), changed(refit_run_constants(others)):
            out += steady_predictions(rows, same) + run_predictions(rows, same) + memory_predictions(same)
    return out, len(table) - len(rows)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("csv", help="a file in the form of published_runs.csv or inference_bench.csv")
    parser.add_argument("--leave-one-out", "--leave-one", dest="leave_one", help="source: fit again without it")
    parser.add_argument("--also", action="append", default=[], metavar="CSV", help="a further file, taken with it")
    parser.add_argument("--everything", action="store_true", help="also rows that are secondary or flagged")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the arguments and validate."""
    return validate(
        arguments.csv, leave_one=arguments.leave_one, everything=arguments.everything, also=tuple(arguments.also)
    )


def show(result: dict[str, Any], console: Console) -> None:
    """Write the groups and clusters as tables."""
    rows = []
    for name, group in result["groups"].items():
        base, near = group["one_number_median_abs_ln_error"], group["nearest_row_median_abs_ln_error"]
        rows.append(
            {
                "group": name,
                "rows": group["num_rows"],
                "sources": group["num_clusters"],
                "median |ln error|": f"{100 * group['median_abs_ln_error']:.1f} %",
                "one number": "" if base is None else f"{100 * base:.1f} %",
                "nearest row": "" if near is None else f"{100 * near:.1f} %",
                "interval score": f"{group['interval_score']:.2f}",
            }
        )
    show_rows(rows, console)
    for name, group in result["groups"].items():
        lines = [
            {
                "source": cluster,
                "rows": c["num_rows"],
                "median |ln error|": f"{100 * c['median_abs_ln_error']:.1f} %",
                "mean": f"{100 * c['mean_ln_error']:+.1f} %",
            }
            for cluster, c in group["by_cluster"].items()
        ]
        show_rows(lines, console, title=name)
    coverage = result["coverage"]
    console.print(
        f"Coverage of p10-p90: {100 * coverage['fraction']:.0f} % of {coverage['num_rows']} rows "
        f"(90 % band {100 * coverage['band_low']:.0f}-{100 * coverage['band_high']:.0f} %)"
    )
    other = result["coverage_spreads_of_other_sources"]
    console.print(f"With widths learnt from the other sources' errors alone: {100 * other['fraction']:.0f} %")


def explain(result: dict[str, Any]) -> list[str]:
    """Say what the columns are."""
    del result
    return [
        "ln error = ln(predicted p50 / measured); medians weigh every source the same",
        f"interval score = (ln p90 - ln p10) + 10 x what lies outside; spread of serving {SERVING_SPREAD.value:g}",
        "one number = the mean utilisation of the other sources; nearest row = that of the most similar row elsewhere",
    ]
