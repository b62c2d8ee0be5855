"""`python -m trainer generate`: let a model continue a text, as it writes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from trainer.cli.settings import add_set_option, apply_settings


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("generate", help="continue a text")
    parser.add_argument(
        "model", type=Path, help="checkpoint, exported folder, or job folder (then its best checkpoint)"
    )
    parser.add_argument("--prompt", default="", help="text to continue; `-`: from standard input")
    parser.add_argument("--tokens", type=int, default=128, help="most tokens to write; default: %(default)s")
    parser.add_argument("--device", default="auto", help="auto, cpu, mps or cuda")
    parser.add_argument("--json", action="store_true", help="write one object with the text at the end")
    add_set_option(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.export import load_any
    from trainer.inference.engine import generate
    from trainer.inference.operations.asking import prompt_answer, read
    from trainer.inference.operations.generate import read_settings

    raw: dict[str, Any] = {"num_tokens": options.tokens}
    apply_settings(raw, options.set)
    settings = read_settings(raw)
    loaded = load_any(options.model, device=options.device)
    loaded.require("generate")
    text = sys.stdin.read() if options.prompt == "-" else options.prompt
    prompt = read(loaded, text, num_new_tokens=settings.num_tokens)
    if not options.json:
        sys.stdout.write(prompt.shown)
    written, end = [], ""
    for one in generate(
        loaded.language_model, prompt.tokens, settings, loaded.task.assets.tokenizer, device=loaded.device
    ):
        written.append(one.text)
        end = one.end
        if not options.json:
            sys.stdout.write(one.text)
            sys.stdout.flush()
    answer = {**prompt_answer(prompt), "text": "".join(written), "num_tokens": len(written), "end": end}
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n" if options.json else "\n")
    return 0
