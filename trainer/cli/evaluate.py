"""`python -m trainer evaluate`: measure a checkpoint on splits of a prepared version."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.settings import add_set_option, apply_settings


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="measure a checkpoint")
    parser.add_argument("model", type=Path, help="checkpoint, or job folder (then its best checkpoint)")
    parser.add_argument("--data", type=Path, help="folder of a prepared version; default: the one it was trained on")
    parser.add_argument("--split", action="append", help="train, validation or test; can be repeated")
    add_set_option(parser)
    add_job_options(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.inference.find import find_checkpoint

    raw: dict[str, Any] = {"kind": "evaluate", "checkpoint": str(find_checkpoint(options.model).resolve())}
    if options.data:
        raw["data_path"] = str(options.data.resolve())
    if options.split:
        raw["splits"] = options.split
    apply_settings(raw, options.set)
    return run_job(make_job(options.out, raw), options)
