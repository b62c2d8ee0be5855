"""`python -m trainer compress`: a checkpoint in fewer bits, or one that was pruned or taught, measured beside the original."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.settings import add_set_option, apply_settings
from trainer.compress.spec import METHODS, TRAINED


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
    return run_job(make_job(options.out, raw), options)
