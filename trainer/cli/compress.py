"""`python -m trainer compress`: a checkpoint in fewer bits, or one that was pruned or taught, measured beside the original."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.settings import add_set_option, apply_settings
from trainer.compress.spec import METHODS, TRAINED
from trainer.events import Report, read_journal
from trainer.folder import JobFolder

LINES = (
    ("file_bytes", "file of the weights", 1e-6, "MB"),
    ("resident_bytes", "weights in memory", 1e-6, "MB"),
    ("seconds_per_token", "one more token", 1e3, "ms"),
    ("seconds_per_example", "one request", 1e3, "ms"),
    ("examples_per_second", "requests a second, sixteen at once", 1.0, ""),
)
"""Of the report: field, words, factor, unit."""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "compress", help="store a model in fewer bits, or take a smaller one, and measure both"
    )
    parser.add_argument("model", type=Path, help="checkpoint, or job folder (then its best checkpoint)")
    parser.add_argument("--method", choices=list(METHODS), default="int8", help="default: int8")
    parser.add_argument("--smaller", type=Path, help="measure this model, pruned or taught by a run, and make none")
    parser.add_argument("--data", type=Path, help="prepared version to measure on; default: the one it was trained on")
    add_set_option(parser)
    add_job_options(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.inference.find import find_checkpoint

    checkpoint = str(find_checkpoint(options.model).resolve())
    raw: dict[str, Any] = {"kind": "compress", "checkpoint": checkpoint, "method": options.method}
    if options.smaller:
        raw |= {"method": TRAINED, "smaller": str(find_checkpoint(options.smaller).resolve())}
    if options.data:
        raw["data_path"] = str(options.data.resolve())
    apply_settings(raw, options.set)
    folder = make_job(options.out, raw)
    code = run_job(folder, options)
    if code == 0 and not options.json:
        show_card(folder)
    return code


def show_card(folder: Path) -> None:
    """Write what both forms take and say, side by side."""
    from rich.console import Console
    from rich.table import Table

    events = (event for event, _end in read_journal(JobFolder(folder).attempt(1).journal))
    report = next((event.report for event in events if isinstance(event, Report)), None)
    if report is None:
        return
    table = Table("", "before", "after", "change")
    for name, title, factor, unit in LINES:
        before, after = (report[side].get(name) for side in ("before", "after"))
        if before and after:
            table.add_row(
                title, f"{before * factor:.4g} {unit}", f"{after * factor:.4g} {unit}", f"x {after / before:.3g}"
            )
    for row in report["differences"]:
        interval = f" ({row['low']:+.2g} .. {row['high']:+.2g})" if row["low"] is not None else ""
        change = f"{row['difference']:+.3g}{interval}"
        table.add_row(f"{row['metric']}, {report['split']}", f"{row['before']:.4g}", f"{row['after']:.4g}", change)
    Console(highlight=False).print(table)
