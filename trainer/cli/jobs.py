"""Runs a job from the command line: makes its folder, shows its events, and gives the exit code."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import Any

from trainer.cli.display import Display
from trainer.errors import InputError
from trainer.events import Failed
from trainer.folder import AttemptSpec, JobFolder
from trainer.run import exit_code, start_attempt
from trainer.spec import encode_spec, spec_from_dict

WRONG_INPUT_CODES = {"bad_input", "bad_spec", "bad_checkpoint"}
EXIT_WRONG_INPUT = 2


def add_job_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, help="folder for this job; default: jobs/<date and time>")
    parser.add_argument("--device", default="auto", help="auto, cpu, mps or cuda")
    parser.add_argument("--json", action="store_true", help="write each event as a line of JSON")


def make_job(folder: Path | None, raw: dict[str, Any]) -> Path:
    """Write a job folder and return it; raise `InputError` where one lies there already."""
    kind, spec = spec_from_dict(raw)
    folder = folder or Path("jobs") / datetime.datetime.now().strftime(f"%Y-%m-%d-%H%M%S-{kind}")
    job = JobFolder(folder)
    if job.spec.exists():
        raise InputError(f"{folder} holds a job already; go on with it by `resume`, or choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    job.spec.write_bytes(encode_spec(kind, spec))
    return folder


def run_job(folder: Path, options: argparse.Namespace, *, resume_from: list[Path] | None = None) -> int:
    """Do the next attempt of a job, shown as it runs."""
    job = JobFolder(folder)
    fence = max(job.fences(), default=0) + 1
    paths = [str(path.resolve()) for path in resume_from or []]
    job.attempt(fence).write_spec(AttemptSpec(fence=fence, device=options.device, resume_from=paths))
    with Display(as_json=options.json) as show:
        last = start_attempt(folder, fence, on_event=show)
    if not options.json:
        show_place(folder, options)
    if isinstance(last, Failed) and last.code in WRONG_INPUT_CODES:
        return EXIT_WRONG_INPUT
    return exit_code(last)


def show_place(folder: Path, options: argparse.Namespace) -> None:
    import sys

    sys.stderr.write(f"job folder: {folder}\n")
