"""`python -m trainer calibrate`: measure this machine in about half a minute."""

from __future__ import annotations

import argparse
from typing import Any

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.settings import add_set_option, apply_settings


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("calibrate", help="measure this machine in about half a minute")
    add_set_option(parser)
    add_job_options(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    raw: dict[str, Any] = {"kind": "calibrate"}
    apply_settings(raw, options.set)
    return run_job(make_job(options.out, raw), options)
