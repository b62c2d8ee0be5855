"""`python -m economics <verb>`: the command line. Prints a table, or with --json one JSON object with sorted keys."""

from __future__ import annotations

import argparse
import json
import re
import sys
from types import ModuleType
from typing import Any, NoReturn

from economics.errors import EconomicsError, InputError
from economics.verbs import VERBS, verb_module


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # -7B and -1e12 are numbers too: so the option's own check names the field and the value
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str) -> NoReturn:
        print(f"{message[:1].upper()}{message[1:]}; see `{self.prog} --help`.", file=sys.stderr)
        raise SystemExit(2)


def build_parser(verb: str = "") -> argparse.ArgumentParser:
    """Return the parser with every verb, or with one, so that the others need not be loaded."""
    parser = _Parser(prog="python -m economics", description="What training and serving a model takes and earns.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb", parser_class=_Parser)
    for name in (verb,) if verb in VERBS else VERBS:
        module = verb_module(name)
        help_text = (module.__doc__ or "").strip().splitlines()[0]
        child = verbs.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
        child.add_argument("--json", action="store_true", help="print one JSON object with sorted keys")
        child.add_argument("--explain", action="store_true", help="print each formula with its numbers")
        module.configure(child)
    return parser


def print_result(module: ModuleType, result: dict[str, Any], *, as_json: bool, explain: bool) -> None:
    """Write a verb's result for a program or for a person."""
    from rich.console import Console

    from economics.tables import show_plainly

    steps = module.explain(result) if explain and hasattr(module, "explain") else []
    if as_json:
        if steps:
            result = {**result, "explanation": steps}
        print(_as_json(result))
        return
    console = Console(highlight=False)
    if hasattr(module, "show"):
        module.show(result, console)
    else:
        show_plainly(result, console)
    for step in steps:
        console.print(step, markup=False)


def _as_json(result: dict[str, Any]) -> str:
    try:
        return json.dumps(result, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False)
    except ValueError:
        raise OverflowError("a number of the answer is infinite") from None


def main(argv: list[str] | None = None) -> int:
    """Run one verb; 0 when it answered, 2 when the input was wrong, 1 when there is no answer."""
    words = sys.argv[1:] if argv is None else argv
    try:
        arguments = build_parser(words[0] if words else "").parse_args(words)
        module = verb_module(arguments.verb)
        result = module.run(arguments)
        print_result(module, result, as_json=arguments.json, explain=arguments.explain)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except EconomicsError as error:
        print(error, file=sys.stderr)
        return 1
    except (OverflowError, MemoryError) as error:
        print(
            f"The input is {' '.join(words)!r}; it must be of sizes that can be computed with ({error}).",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
