"""`python -m trainer export`: a checkpoint in a format that others load, run there and compared before it is kept."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, get_args

from trainer.formats.spec import FORMATS, ExportSpec, FormatName


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("export", help="write a model in a format that others can load")
    parser.add_argument("model", type=Path, help="checkpoint, or job folder (then its best checkpoint)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must not exist")
    parser.add_argument("--name", default="", help="name of the model in what is written")
    titles = "; ".join(f"{each.name}: {each.title}" for each in FORMATS.values())
    parser.add_argument("--format", choices=get_args(FormatName), default="folder", help=titles)
    parser.add_argument(
        "--weights",
        choices=["float32", "float16", "int8"],
        default="float32",
        help="number format of the weights (gguf)",
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.errors import InputError
    from trainer.formats.job import write_format
    from trainer.inference.find import find_checkpoint

    if options.out.exists():
        raise InputError(f"{options.out} exists already; choose a folder that does not")
    spec = ExportSpec(
        checkpoint=str(find_checkpoint(options.model)),
        format=options.format,
        weights=options.weights,
        name=options.name or options.out.name,
    )
    check = write_format(spec, options.out)
    sys.stderr.write(
        f"{check.runner} gives the same {check.compared}: they differ by at most {check.largest_difference:.2g}.\n"
    )
    sys.stdout.write(f"{options.out}\n")
    return 0
