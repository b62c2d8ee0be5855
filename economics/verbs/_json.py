"""JSON files that verbs read: what is wrong in one is said with its place and its value."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from economics.errors import InputError

T = TypeVar("T")
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?$", re.DOTALL)
_FIELD = re.compile(r"^Object (contains unknown|missing required) field `([^`]+)`$")


def read_json(path: str, *, field: str, what: str = "JSON") -> dict[str, Any]:
    """Return the object in a JSON file.

    Parameters
    ----------
    what : what the file should hold, for the sentence that refuses another

    Raises
    ------
    InputError : naming the file, and the line and column at which it ceases to be JSON
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(field, path, f"a file that can be read ({error.strerror})") from None
    except json.JSONDecodeError as error:
        line = error.doc.splitlines()[error.lineno - 1] if error.doc.strip() else ""
        where = f"{path}, line {error.lineno}, column {error.colno},"
        raise InputError(where, line.strip()[:80], f"{what} ({error.msg.lower()})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(field, path, f"{what} ({error})") from None
    if not isinstance(content, dict):
        raise InputError(field, path, "a file with one JSON object")
    return content


def convert_json(content: dict[str, Any], kind: type[T]) -> T:
    """Return a structure from the object of a JSON file.

    Raises
    ------
    InputError : naming the first field that does not fit, its value and what would be right

    >>> class Job(msgspec.Struct):
    ...     tokens: float
    >>> convert_json({"tokens": "many"}, Job)
    Traceback (most recent call last):
    ...
    economics.errors.InputError: tokens is 'many'; it must be a number.
    """
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        found = _AT.match(str(error))
        what, where = (found["what"], found["where"] or "") if found else (str(error), "")
    if named := _FIELD.match(what):
        place = f"{where}.{named[2]}".lstrip(".")
        raise InputError(place, _at(content, place), _right_for(named[1], kind, where))
    if what.startswith("Invalid enum value"):
        raise InputError(where, _at(content, where), "one of " + ", ".join(get_args(_kind_at(kind, where))))
    raise InputError(where or "file", _at(content, where), _in_words(what))


def _at(content: Any, where: str) -> Any:
    """The value at a path such as past[0].state; None where there is none."""
    for step in re.findall(r"[^.\[\]]+", where):
        if isinstance(content, list) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            content = content.get(step) if isinstance(content, dict) else None
    return content


def _kind_at(kind: Any, where: str) -> Any:
    """The declared type at a path; of a list, the type of its items."""
    for step in re.findall(r"[A-Za-z_]+", where):
        kind = next(field.type for field in msgspec.structs.fields(kind) if field.encode_name == step)
        kind = get_args(kind)[0] if get_origin(kind) is list else kind
    return kind


def _right_for(trouble: str, kind: Any, where: str) -> str:
    if trouble == "missing required":
        return "given"
    names = ", ".join(field.encode_name for field in msgspec.structs.fields(_kind_at(kind, where)))
    return f"left out: the fields here are {names}"


_TYPES = {"float": "a number", "int": "a whole number", "str": "text", "object": "an object", "array": "a list",
          "bool": "true or false", "null": "null"}  # fmt: skip


def _in_words(what: str) -> str:
    """What msgspec expects, as a person would say it."""
    if expected := re.match(r"^Expected `([^`]+)`", what):
        return " or ".join(_TYPES.get(name, name) for name in expected[1].split(" | "))
    return what
