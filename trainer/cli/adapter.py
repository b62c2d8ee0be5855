"""`python -m trainer adapter`: an adapter as a folder of its own, and merged into its base.

python -m trainer adapter extract jobs/lora --out adapter
python -m trainer adapter merge adapter --base minilm --out merged
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("adapter", help="take an adapter out of a run, or write it into its base")
    actions = parser.add_subparsers(required=True, metavar="action")
    extract = actions.add_parser("extract", help="write the adapter of a run as a small folder")
    extract.add_argument("model", type=Path, help="checkpoint, or job folder (then its best checkpoint)")
    extract.add_argument("--out", type=Path, required=True, help="folder to write; must not exist")
    extract.set_defaults(command=extract_command)
    merge = actions.add_parser("merge", help="write an adapter into the base that it was trained beside")
    merge.add_argument("adapter", type=Path, help="folder that `adapter extract` wrote")
    merge.add_argument("--base", type=Path, required=True, help="checkpoint, exported model or folder of Hugging Face")
    merge.add_argument("--out", type=Path, required=True, help="folder to write; must not exist")
    merge.set_defaults(command=merge_command)


def extract_command(options: argparse.Namespace) -> int:
    from trainer.adapt.adapter_file import extract_adapter
    from trainer.inference.find import find_checkpoint

    sys.stdout.write(f"{extract_adapter(find_checkpoint(options.model), options.out)}\n")
    return 0


def merge_command(options: argparse.Namespace) -> int:
    from trainer.adapt.adapter_file import write_merged

    sys.stdout.write(f"{write_merged(options.base, options.adapter, options.out)}\n")
    return 0
