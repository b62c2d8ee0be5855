"""`python -m trainer generate`: let a model continue a text, answer a question, or make one text of another."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from trainer.cli.saying import Saying, add_guard_options, rules_of
from trainer.cli.settings import add_set_option, apply_settings
from trainer.errors import InputError

if TYPE_CHECKING:
    from trainer.inference.loading import LoadedModel
    from trainer.inference.sampling import SamplingSpec
    from trainer.inference.writing import Writing, Written


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("generate", help="continue a text, answer a question, translate")
    parser.add_argument(
        "model", type=Path, help="checkpoint, exported folder, or job folder (then its best checkpoint)"
    )
    parser.add_argument("--prompt", default="", help="text to continue; `-`: from standard input")
    parser.add_argument("--tokens", type=int, default=128, help="most tokens to write; default: %(default)s")
    parser.add_argument("--system", default="", help="a model that answers: what it is told before the question")
    parser.add_argument("--plain", action="store_true", help="a model that answers: continue the text all the same")
    parser.add_argument("--device", default="auto", help="auto, cpu, mps or cuda")
    parser.add_argument(
        "--draft", default="", help="checkpoint of a small model of the same tokenizer that guesses ahead"
    )
    parser.add_argument("--engine", default="", help="who writes: a .gguf file (llama.cpp), or the URL of a server")
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
        help="numbers to write in; auto: bfloat16 where it is faster",
    )
    parser.add_argument("--json", action="store_true", help="write one object with the text at the end")
    add_guard_options(parser)
    add_set_option(parser)
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.export import load_any
    from trainer.inference.operations.asking import prompt_answer, read
    from trainer.inference.operations.generate import guessed, read_settings

    loaded = load_any(options.model, device=options.device, precision=options.precision)
    saying = Saying(rules_of(options), as_json=options.json)
    verdict = saying.asked(sys.stdin.read() if options.prompt == "-" else options.prompt)
    if verdict.is_refused:
        return saying.refuse(verdict)
    if "translate" in loaded.task.abilities:
        return translate(loaded, verdict.text, options, saying)
    loaded.require("generate")
    raw: dict[str, Any] = {"num_tokens": options.tokens}
    apply_settings(raw, options.set)
    settings = read_settings(raw)
    if "chat" in loaded.task.abilities and not options.plain:
        return chat(loaded, verdict.text, settings, options, saying)
    prompt = read(loaded, verdict.text, num_new_tokens=settings.num_tokens)
    if not saying.holds_back:
        sys.stdout.write(prompt.shown)
    num_tokens, end = 0, ""
    if options.engine:
        writing: Writing | Generator[Written] = loaded.engine(options.engine).write(prompt.tokens, settings)
    else:
        writing = loaded.batch.write(prompt.tokens, settings, loaded.draft_of(options.draft))
    for one in writing:
        saying.piece(one.text)
        num_tokens, end = num_tokens + 1, one.end
    answer = {**prompt_answer(prompt), "num_tokens": num_tokens, "end": end, **guessed(writing)}
    return saying.end(answer, before=prompt.shown)


def translate(loaded: LoadedModel, text: str, options: argparse.Namespace, saying: Saying) -> int:
    """Write what the model makes of a text."""
    from trainer.inference.operations.translate import SearchSettings, TranslateRequest, answer

    raw: dict[str, Any] = {"num_tokens": 0}
    apply_settings(raw, options.set)
    try:
        settings = msgspec.convert(raw, SearchSettings)
    except msgspec.ValidationError as error:
        raise InputError(f"settings: {error}") from error
    found = answer(loaded, TranslateRequest(id="", op="translate", text=text, settings=settings))
    saying.piece(found["text"])
    return saying.end(found)


def chat(loaded: LoadedModel, text: str, settings: SamplingSpec, options: argparse.Namespace, saying: Saying) -> int:
    """Write the model's answer to a question."""
    from trainer.inference.operations.chat import ChatRequest, Turn, stream

    messages = [*([Turn("system", options.system)] if options.system else []), Turn("user", text)]
    request = ChatRequest(
        id="", op="chat", messages=messages, settings=msgspec.to_builtins(settings), draft=options.draft
    )
    steps = stream(loaded, request)
    event, fields = next(steps)
    try:
        while True:
            event, fields = steps.send(False)
            if event == "token":
                saying.piece(fields["text"])
    except StopIteration as end:
        result: dict[str, Any] = end.value
    return saying.end(result)
