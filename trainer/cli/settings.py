"""Settings on the command line: `--set optimizer.learning_rate=3e-4` into the plain form of a spec."""

from __future__ import annotations

import argparse
import json
from typing import Any

from trainer.errors import SpecError


def add_set_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="set a field of the spec: batch.micro_batch=4"
    )


def apply_settings(raw: dict[str, Any], settings: list[str]) -> None:
    """Set the fields in place. A value is read as JSON where it is some, and as text where not."""
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path:
            raise SpecError(f"--set {setting!r} is not of the form field=value, as in optimizer.learning_rate=3e-4")
        *outer, last = path.split(".")
        place = raw
        for name in outer:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise SpecError(f"--set {path}: {name} holds a value, not further fields")
        place[last] = read_value(text)


def read_value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: text)
    except ValueError:
        return text
