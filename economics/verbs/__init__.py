"""The verbs of the command line, each a function of the same name, one file a verb.

A file `economics/verbs/<verb>.py` offers

- `<verb>(...)`: the function; takes parsed values, returns a dict that can be written as JSON;
- `configure(parser)`: adds its arguments to an `argparse` parser; its docstring's first line is the help;
- `run(arguments)`: reads the text of the arguments (`economics.units`) and calls the function;
- optionally `show(result, console)`: writes a readable table (without it a plain one is drawn);
- optionally `explain(result) -> list[str]`: each formula with its numbers, for `--explain`.

Wrong input is an `economics.errors.InputError`; the command line prints its sentence and exits with 2.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def verb_module(name: str) -> ModuleType:
    """Return the module of a verb."""
    return importlib.import_module(f"economics.verbs.{name}")


VERBS: tuple[str, ...] = tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def _function_of(name: str) -> property:
    """A package attribute that is always the verb's function, imported when it is first asked for.

    Importing a submodule sets the package's attribute of its name to the module; that is ignored here.
    """

    def get(package: object) -> Callable[..., Any]:
        del package
        function: Callable[..., Any] = getattr(verb_module(name), name)
        return function

    return property(get, lambda package, module: None)


_Package = type("_Package", (ModuleType,), {name: _function_of(name) for name in VERBS})
sys.modules[__name__].__class__ = _Package

__all__ = ["VERBS", "verb_module"]
