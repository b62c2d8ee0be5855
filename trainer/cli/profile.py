"""`python -m trainer profile RUN`: trace some steps of a run and say where their time goes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.settings import add_set_option, apply_settings


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("profile", help="trace some training steps of a run and say where their time goes")
    parser.add_argument("run", type=Path, help="job folder of a run, or one of its checkpoints")
    add_set_option(parser)
    add_job_options(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.inference.find import find_checkpoint  # torch is slow to import

    raw: dict[str, Any] = {"kind": "profile", "checkpoint": str(find_checkpoint(options.run).resolve())}
    apply_settings(raw, options.set)
    return run_job(make_job(options.out, raw), options)
