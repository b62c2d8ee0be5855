"""`python -m trainer recommend`: what to recommend, to every user or to one.

python -m trainer recommend jobs/train --places 20 --form parquet --out jobs/lists
python -m trainer recommend jobs/train --user 用户7
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.settings import add_set_option, apply_settings


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("recommend", help="list what to recommend to users")
    parser.add_argument("model", type=Path, help="checkpoint, or job folder (then its best checkpoint)")
    parser.add_argument("--data", type=Path, help="prepared version with the users; default: the one it was trained on")
    parser.add_argument("--places", type=int, default=10, help="items for each user; default: %(default)s")
    parser.add_argument(
        "--form", choices=["csv", "parquet"], default="csv", help="form of the file; default: %(default)s"
    )
    parser.add_argument("--user", default="", help="show one user's list and why, and write no file")
    add_set_option(parser)
    add_job_options(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.cli.train import prepared_folder
    from trainer.inference.find import find_checkpoint

    checkpoint = find_checkpoint(options.model)
    if options.user:
        return show_user(checkpoint, options)
    raw: dict[str, Any] = {
        "kind": "recommend",
        "checkpoint": str(checkpoint.resolve()),
        "places": options.places,
        "form": options.form,
        "device": options.device,
    }
    if options.data:
        raw["data_path"] = str(prepared_folder(options.data).resolve())
    apply_settings(raw, options.set)
    return run_job(make_job(options.out, raw), options)


def show_user(checkpoint: Path, options: argparse.Namespace) -> int:
    """Write a user's list, each item with what of the history spoke for it."""
    from trainer.inference.loading import load_model
    from trainer.recommend.profile import profile

    found = profile(load_model(checkpoint, device=options.device), user=options.user, top=options.places)
    for place, item in enumerate(found["items"], start=1):
        because = ", ".join(each["title"] for each in item["why"])
        sys.stdout.write(f"{place:>3}  {item['score']:8.3f}  {item['title']}{f'  ({because})' if because else ''}\n")
    return 0
