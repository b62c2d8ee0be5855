"""Count a model's parameters, by part."""

from __future__ import annotations

import argparse
from typing import Any

from economics.architecture.lookup import find_architecture


def params(model: str) -> dict[str, Any]:
    """Return the parameters of a preset, a config file or a size such as `7B`.

    >>> params("gpt2")["total"]
    124439808
    """
    architecture, taken = find_architecture(model)
    counted = architecture.parameters()
    return {
        "model": taken,
        "kind": architecture.kind,
        "total": counted.total,
        "active": counted.active,
        "matmul": counted.matmul,
        "active_matmul": counted.active_matmul,
        "non_embedding": counted.non_embedding,
        "by_part": counted.by_part,
        "active_by_part": counted.active_by_part,
    }


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("model", help="a preset (gpt2-xl), a config.json or its folder, or a size (7B)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the arguments and count."""
    return params(arguments.model)


def explain(result: dict[str, Any]) -> list[str]:
    """Say how the total comes about."""
    parts = " + ".join(f"{name} {count:,}" for name, count in result["by_part"].items())
    return [f"total = {parts} = {result['total']:,}"]
