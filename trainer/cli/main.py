"""Reads the command line and calls the command. Each command is a module with `add_parser(commands)`."""

from __future__ import annotations

import argparse
import importlib
import sys

from trainer.errors import InputError, TrainerError

COMMANDS = (
    "prepare",
    "train",
    "sweep",
    "resume",
    "evaluate",
    "predict",
    "recommend",
    "generate",
    "documents",
    "adapter",
    "compress",
    "export",
    "calibrate",
    "profile",
    "serve",
    "run",
    "warm",
)
EXIT_FAILED, EXIT_WRONG_INPUT = 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit code: 0 done, 1 failed, 2 wrong input, 3 stopped."""
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Prepare data, train models and use them.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name in COMMANDS:
        importlib.import_module(f"trainer.cli.{name}").add_parser(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.command(options))
    except TrainerError as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_WRONG_INPUT if isinstance(error, InputError) else EXIT_FAILED
    except BrokenPipeError:  # the reader of our output had enough: `... | head`
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
