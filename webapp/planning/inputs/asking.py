"""How a question is asked: its default, where that comes from, and what the form and the assumptions need of it."""

from __future__ import annotations

from dataclasses import field
from typing import Any

USUAL = "usual practice"
EXAMPLE = "an example: put your own"
OPTION_NAMES = ("scratch", "continue", "fine-tune", "lora", "distil", "api", "wait")


def ask(
    default: Any, source: str, *, part: str, label: Any, unit: str = "", slider: tuple[float, float] | None = None,
    choices: str = "",
) -> Any:  # fmt: skip
    """A field with what the form and the page of assumptions need of it."""
    meta = {"source": source, "part": part, "label": label, "unit": unit, "slider": slider, "choices": choices}
    return field(default=default, metadata=meta)
