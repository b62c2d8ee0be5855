"""`python -m trainer documents`: which documents a run saw, in order."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("documents", help="list which documents a run saw, in order")
    parser.add_argument("model", type=Path, help="checkpoint, or job folder (then its last checkpoint)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.inference.find import checkpoints_of, find_checkpoint
    from trainer.training.documents import documents_seen

    newest = checkpoints_of(options.model)
    checkpoint = newest[0] if newest else find_checkpoint(options.model)
    if not options.json:
        sys.stdout.write("step\tposition\tepoch\tdocument\tsource\trow\n")
    for seen in documents_seen(checkpoint):
        if options.json:
            sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
        else:
            row = (seen.step, seen.position, seen.epoch, seen.document, seen.source, seen.row)
            sys.stdout.write("\t".join(map(str, row)) + "\n")
    return 0
