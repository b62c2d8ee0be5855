"""`python -m trainer predict`: ask a model about every row of a table.

python -m trainer predict jobs/train reviews.csv --out jobs/predict [--guards checks.json]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.saying import add_guard_options, rules_of
from trainer.cli.settings import add_set_option, apply_settings


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("predict", help="label the rows of a table")
    parser.add_argument("model", type=Path, help="checkpoint, or job folder (then its best checkpoint)")
    parser.add_argument("table", type=Path, help="CSV, TSV, JSONL or Parquet")
    parser.add_argument("--text-column", default="", help="column with the text; default: detected")
    add_guard_options(parser)
    add_set_option(parser)
    add_job_options(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.inference.find import find_checkpoint

    raw: dict[str, Any] = {
        "kind": "predict",
        "checkpoint": str(find_checkpoint(options.model).resolve()),
        "table": str(options.table.resolve()),
        "text_column": options.text_column,
        "device": options.device,
        "guards": msgspec.to_builtins(rules_of(options)),
    }
    apply_settings(raw, options.set)
    return run_job(make_job(options.out, raw), options)
