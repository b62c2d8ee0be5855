"""`python -m trainer resume`: go on with a job that was stopped or killed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trainer.cli.jobs import run_job
from trainer.errors import InputError
from trainer.events import Finished, read_journal
from trainer.folder import JobFolder


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("resume", help="go on with a job that was stopped or killed")
    parser.add_argument("folder", type=Path, help="job folder")
    parser.add_argument("--device", default="auto", help="auto, cpu, mps or cuda")
    parser.add_argument("--json", action="store_true", help="write each event as a line of JSON")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.inference.find import checkpoints_of

    job = JobFolder(options.folder)
    if not job.spec.is_file():
        raise InputError(f"{options.folder} is not a job folder: it has no spec.json")
    if is_finished(job):
        raise InputError(f"{options.folder} is finished: there is nothing left to do; start a new run to train further")
    return run_job(options.folder, options, resume_from=checkpoints_of(options.folder))


def is_finished(job: JobFolder) -> bool:
    """Say whether any attempt came to the end."""
    journals = [job.attempt(fence).journal for fence in job.fences()]
    return any(isinstance(event, Finished) for path in journals if path.exists() for event, _ in read_journal(path))
