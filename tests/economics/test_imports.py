"""The files of economics import each other in one direction: none, by whatever way, imports itself."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import economics

ROOT = Path(economics.__file__).parent


def imported(file: Path, modules: set[str]) -> set[str]:
    """The modules of the package that a file imports, at its top or within its functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                name if (name := f"{node.module}.{alias.name}") in modules else node.module for alias in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & modules


def test_no_import_comes_round() -> None:
    files = {
        ".".join(("economics", *path.relative_to(ROOT).with_suffix("").parts)): path for path in ROOT.rglob("*.py")
    }
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}
    graph = {name: imported(path, set(files)) for name, path in files.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(files)  # raises CycleError with the circle
