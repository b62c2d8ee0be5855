"""Data to recommend from: which standard-library file imports which module, and made-up users with known tastes."""

from __future__ import annotations

import ast
import csv
import sysconfig
import tokenize
from pathlib import Path

import numpy as np

LEFT_OUT = {"site-packages", "dist-packages", "__pycache__", "lib-dynload", "ensurepip", "idle_test"}


def stdlib_imports(folder: Path, *, with_tests: bool = True) -> list[Path]:
    """Write who imports what as tables: files are users, modules items; a file is described by its place and its name."""
    root = Path(sysconfig.get_paths()["stdlib"])
    rows, files, modules = [], {}, {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if LEFT_OUT.intersection(parts) or (not with_tests and {"test", "tests"}.intersection(parts)):
            continue
        taken = dict.fromkeys(imported(path, parts))
        if not taken:
            continue
        name = "/".join(parts)
        files[name] = (parts[0] if len(parts) > 1 else "", "/".join(parts[:-1]), "|".join(words(path.stem)))
        for module in taken:
            rows.append((name, module))
            modules[module] = (module.split(".")[0], "|".join(words(module)))
    return [
        table(folder / "imports.csv", ("user", "item"), rows),
        table(folder / "files.csv", ("user", "package", "folder", "word"), [(n, *d) for n, d in files.items()]),
        table(folder / "modules.csv", ("item", "package", "word"), [(n, *d) for n, d in modules.items()]),
    ]


def imported(path: Path, parts: tuple[str, ...]) -> list[str]:
    """Return the modules that a file imports; relative ones by their full name. A file that cannot be parsed has none."""
    try:
        with tokenize.open(path) as file:
            tree = ast.parse(file.read())
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return []
    package = [*parts[:-1]]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*base, *filter(None, [node.module])])
            found += [whole] if node.module else [f"{whole}.{alias.name}" for alias in node.names]
    return [name for name in found if name]


def words(name: str) -> list[str]:
    return list(dict.fromkeys(word for word in name.replace(".", "_").lower().split("_") if word))


def table(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def made_up_tastes(
    folder: Path, *, num_users: int = 400, num_items: int = 120, num_tastes: int = 6, each: int = 20, seed: int = 0
) -> tuple[Path, np.ndarray, np.ndarray]:
    """Write interactions of users with one taste each among items of one kind each; return also both by number."""
    chance = np.random.default_rng(seed)
    taste, kind = chance.integers(num_tastes, size=num_users), np.arange(num_items) % num_tastes
    popular = chance.pareto(1.5, size=num_items) + 0.2
    rows = []
    for user in range(num_users):
        weights = popular * np.where(kind == taste[user], 1.0, 0.02)
        for n, item in enumerate(chance.choice(num_items, each, replace=False, p=weights / weights.sum())):
            rows.append((f"用户{user}", f"商品{item}", str(1_700_000_000 + n * 86_400 + user)))
    return table(folder / "tastes.csv", ("user", "item", "time"), rows), taste, kind


def made_up_walks(folder: Path, *, num_users: int = 500, num_items: int = 200, each: int = 16, seed: int = 0) -> Path:
    """Write walks: behind each item comes one of two others, whoever walks; only the last item tells the next."""
    chance = np.random.default_rng(seed)
    following = np.stack([chance.permutation(num_items), chance.permutation(num_items)], axis=1)
    rows = []
    for user in range(num_users):
        item, seen = int(chance.integers(num_items)), set()
        begin = 1_700_000_000 + int(chance.integers(86_400 * 300))
        for n in range(each):
            seen.add(item)
            rows.append((f"u{user}", f"i{item}", str(begin + n * 600)))
            ways = [int(way) for way in following[item] if int(way) not in seen]
            item = int(chance.choice(ways)) if ways else int(chance.integers(num_items))
    return table(folder / "walks.csv", ("user", "item", "time"), rows)
