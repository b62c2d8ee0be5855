"""`python -m trainer export`: a checkpoint as a folder that others can load."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("export", help="write a model as a folder that others can load")
    parser.add_argument("model", type=Path, help="checkpoint, or job folder (then its best checkpoint)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must not exist")
    parser.add_argument("--name", default="", help="name of the model in its README")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.export import export_model
    from trainer.inference.find import find_checkpoint

    export_model(find_checkpoint(options.model), options.out, name=options.name)
    sys.stdout.write(f"{options.out}\n")
    return 0
