"""`python -m trainer prepare`: files into a prepared version that models learn from.

python -m trainer prepare novels/ notes.jsonl --out jobs/prepare --set recipe.tokenizer.vocab_size=4096
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.settings import add_set_option, apply_settings
from trainer.data.kinds import data_kinds
from trainer.errors import InputError


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("prepare", help="make files ready for training")
    parser.add_argument("files", type=Path, nargs="+", help="files, or folders whose files are all taken")
    parser.add_argument(
        "--data-kind", "--kind", default="text", choices=sorted(data_kinds()), help="kind of data in the files"
    )
    parser.add_argument("--label-column", default="", help="column or field that holds each document's label")
    parser.add_argument("--text-column", default="", help="column or field that holds the text; default: detected")
    parser.add_argument(
        "--target-column", default="", help="pairs and chats: column with the other side; default: detected"
    )
    parser.add_argument("--group-column", default="", help="column or field whose equal values stay in one split")
    parser.add_argument("--entity-column", default="", help="column or field with entities: spans or BIO tags")
    parser.add_argument(
        "--tokenizer", type=Path, help="folder of an existing tokenizer, such as that of a model to start from"
    )
    add_set_option(parser)
    add_job_options(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    columns = {
        "text_column": options.text_column,
        "label_column": options.label_column,
        "entity_column": options.entity_column,
        "group_column": options.group_column,
        "target_column": options.target_column,
    }
    sources = [{"path": str(path.resolve()), "name": name, **columns} for path, name in all_files(options.files)]
    raw: dict[str, Any] = {"kind": "prepare", "data_kind": options.data_kind, "sources": sources}
    if options.tokenizer:
        raw["tokenizer_path"] = str(options.tokenizer.resolve())
    apply_settings(raw, options.set)
    return run_job(make_job(options.out, raw), options)


def all_files(places: list[Path]) -> list[tuple[Path, str]]:
    """Return every file with the name it goes by: within a folder, its path there. Hidden files are left out."""
    found = []
    for place in places:
        if place.is_dir():
            inside = [path for path in sorted(place.rglob("*")) if path.is_file() and not is_hidden(path, place)]
            found += [(path, path.relative_to(place).as_posix()) for path in inside]
        elif place.is_file():
            found.append((place, place.name))
        else:
            raise InputError(f"{place} does not exist; name files or folders of text")
    if not found:
        raise InputError(f"there is no file in {', '.join(str(place) for place in places)}")
    return found


def is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)
