"""`python -m trainer run`: one attempt of a job folder, as a supervisor starts it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trainer.run import run_attempt


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("run", help="do one attempt of a job folder, of any kind")
    parser.add_argument("folder", type=Path, help="job folder with spec.json")
    parser.add_argument("--attempt", type=int, required=True, help="number (fence) of the attempt")
    parser.add_argument(
        "--supervised", action="store_true", help="obey `stop` and `cancel` on stdin; end when it closes"
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    return run_attempt(options.folder, options.attempt, supervised=options.supervised)
