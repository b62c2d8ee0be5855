"""`python -m trainer predict`: ask a model about every row of a table, or about a picture.

python -m trainer predict jobs/train reviews.csv --out jobs/predict [--guards checks.json]
python -m trainer predict jobs/train cat.jpg

What it says of a picture is printed as a line of JSON: labels with probabilities, and where it looked or boxes as shares of
the picture's sides.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.saying import add_guard_options, rules_of
from trainer.cli.settings import add_set_option, apply_settings
from trainer.data.images.files import IMAGE_ENDINGS
from trainer.errors import InputError
from trainer.families import get_family


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("predict", help="label the rows of a table, or a picture")
    parser.add_argument("model", type=Path, help="checkpoint, or job folder (then its best checkpoint)")
    parser.add_argument("table", type=Path, help="CSV, TSV, JSONL or Parquet; or a picture")
    parser.add_argument("--text-column", default="", help="column with the text; default: detected")
    add_guard_options(parser)
    add_set_option(parser)
    add_job_options(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.inference.find import find_checkpoint

    if options.table.suffix.lower() in IMAGE_ENDINGS:
        return print_answer(find_checkpoint(options.model), options.table, device=options.device)
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


def print_answer(checkpoint: Path, picture: Path, *, device: str) -> int:
    """Print what a model of pictures says of one."""
    from trainer.inference.loading import load_model

    try:
        data = picture.read_bytes()
    except OSError as error:
        raise InputError(f"{picture} cannot be read ({error.strerror}); give the path of a picture") from error
    loaded = load_model(checkpoint, device=device)
    spec = loaded.task.spec
    if "predict_image" not in get_family(spec.family).abilities_of(spec.model):
        raise InputError(f"{checkpoint} is a model of family {spec.family}, which reads no pictures; give a table")
    sys.stdout.write(msgspec.json.encode(loaded.task.answer_image(loaded.model, data)).decode() + "\n")
    return 0
