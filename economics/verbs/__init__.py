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
from types import ModuleType


def verb_module(name: str) -> ModuleType:
    """Return the module of a verb."""
    return importlib.import_module(f"economics.verbs.{name}")


VERBS: tuple[str, ...] = tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))

# Importing a module binds its name in the package to the module; bind it to the function instead.
for _name in VERBS:
    globals()[_name] = getattr(verb_module(_name), _name)

__all__ = ["VERBS", "verb_module"]  # noqa: RUF022  and every name in VERBS
