"""Predict every row of a file of published measurements from its inputs, and print how near it came."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

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

T = TypeVar("T")


def validate(
    path: str | Path,
    *,
    leave_one: str | None = None,
    everything: bool = False,
    also: tuple[str | Path, ...] = (),
    kinds: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return errors by cluster, interval score, coverage and baselines of a file of measurements.

    Every row is predicted. Those that are flagged, secondary or from memory are shown, and enter no median unless
    `everything` is asked for or the file has no others; no constant is fitted to them. With `leave_one="source"` the
    constants are fitted again without the source that is predicted. Rows that cannot be read are listed with the reason.

    Parameters
    ----------
    path : a CSV in the form of published_runs.csv or inference_bench.csv
    also : further files in the same form, taken with it
    kinds : only these kinds of rows of training (full_run, benchmark); empty: all
    """
    if leave_one not in (None, "source"):
        raise InputError("leave_one", leave_one, "source, or left out")
    table = [line for one in (path, *also) for line in _lines(one)]
    table = [line for line in table if not kinds or line.cells.get("row_type") in kinds] or table[:1]
    columns = set(table[0].cells)
    unread: list[dict[str, str]] = []
    if {"weight_dtype", "scenario"} <= columns:
        found = _inference(_read(table, read_inference, unread), leave_one=leave_one)
    elif {"row_type", "hardware"} <= columns:
        found = _runs(_read(table, read_run, unread), leave_one=leave_one)
    else:
        raise InputError("csv", str(path), "in the form of published_runs.csv or inference_bench.csv")
    if not found:
        why = f" ({unread[0]['line']}: {unread[0]['why']})" if unread else ""
        raise InputError("csv", str(path), f"a file with at least one row that can be predicted from its inputs{why}")
    predictions = [p for p in found if p.counts or everything] or found
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
        "num_rows_left_out": len(unread),
        "rows_left_out": unread,
        "groups": {name: summarise(group) for name, group in groups.items()},
        "coverage": pooled_coverage(pooled),
        "coverage_spreads_of_other_sources": {
            **pooled_coverage(left_out_pooled),
            "interval_score": {
                name: summarise([p for p in left_out if p.group == name])["interval_score"] for name in groups
            },
        },
        "rows": [_row(p) for p in found],
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """A line of a file, and where it stands."""

    place: str
    cells: dict[str, str]


def _lines(path: str | Path) -> list[_Line]:
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            table = [_Line(place=f"{path}:{reader.line_num}", cells=cells) for cells in reader]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("csv", str(path), f"a CSV file that can be read ({error})") from None
    if not table:
        raise InputError("csv", str(path), "a file with rows")
    return table


def _read(table: list[_Line], reader: Callable[[dict[str, str]], T | None], unread: list[dict[str, str]]) -> list[T]:
    """The rows that say enough to be predicted; the others are added to `unread`."""
    rows: list[T] = []
    for line in table:
        try:
            if None in line.cells:
                raise InputError("cells", "more than the header has", "as many as the header's columns")
            row, why = reader(line.cells), "it is no decoder's, or does not say what a prediction needs"
        except EconomicsError as error:
            row, why = None, str(error)
        if row is None:
            unread.append({"line": line.place, "why": why})
        else:
            rows.append(row)
    return rows


def _row(p: Prediction) -> dict[str, Any]:
    return {
        "counts": p.counts,
        "group": p.group,
        "cluster": p.cluster,
        "model": p.model,
        "measured": p.measured,
        "predicted": p.predicted.to_dict(),
        "ln_error": p.log_error,
        "unit": p.unit,
    }


def _inference(rows: list[InferenceRow], *, leave_one: str | None) -> list[Prediction]:
    out: list[Prediction] = []
    for source in dict.fromkeys(row.cluster for row in rows):
        others = [row for row in rows if row.cluster != source]
        with changed(refit_serving_on(others) if leave_one else {}):
            out += [_predicted(row, rows) for row in rows if row.cluster == source]
    return out


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


def _runs(rows: list[RunRow], *, leave_one: str | None) -> list[Prediction]:
    if leave_one is None:
        return steady_predictions(rows) + run_predictions(rows) + memory_predictions(rows)
    out: list[Prediction] = []
    basis = [row for row in rows if usable(row)]
    of_steps: dict[tuple[int, ...], dict[str, float]] = {}  # many sources have no steady rows: one fit serves them all
    of_runs: dict[tuple[int, ...], dict[str, float]] = {}
    for source in sorted({row.source for row in rows}):  # a source's kinds of rows are left out together
        same = [row for row in rows if row.source == source]
        others = [row for row in basis if row.source != source]
        steady = tuple(id(row) for row in others if row.kind == "benchmark")
        if steady not in of_steps:
            of_steps[steady] = refit_on(others)
        with changed(of_steps[steady]):
            whole = (*steady, *(id(row) for row in others if row.kind == "full_run"))
            if whole not in of_runs:
                of_runs[whole] = refit_run_constants(others)
        with changed(of_steps[steady]), changed(of_runs[whole]):
            out += steady_predictions(rows, same) + run_predictions(rows, same) + memory_predictions(same)
    return out


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("csv", help="a file in the form of published_runs.csv or inference_bench.csv")
    parser.add_argument("--leave-one-out", "--leave-one", dest="leave_one", help="source: fit again without it")
    parser.add_argument("--also", action="append", default=[], metavar="CSV", help="a further file, taken with it")
    parser.add_argument("--everything", action="store_true", help="secondary and flagged rows enter the medians too")


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
    for line in result["rows_left_out"][:10]:
        console.print(f"Left out {line['line']}: {line['why']}", markup=False)
    if (more := len(result["rows_left_out"]) - 10) > 0:
        console.print(f"and {more} lines more; --json lists them")
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
