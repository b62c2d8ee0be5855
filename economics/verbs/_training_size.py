"""What the `training` verb takes where batch or devices are left out or do not come out even."""

from __future__ import annotations

from typing import Any

from economics.layout import Layout, parse_layout
from economics.training.defaults import usual_batch_tokens
from economics.units import positive
from economics.verbs._options import assumption

MOST_TOKENS = 1e18
"""Thousands of times what was ever trained on: beyond it a number is a slip."""


def devices_of(parallelism: str | Layout, usual: int) -> int:
    """Return the devices that a layout takes; where it leaves the data ranks open, the usual number as far as it divides.

    >>> devices_of("tensor=8,data=4", 100), devices_of("tensor=8", 100)
    (32, 96)
    """
    layout = parse_layout(parallelism) if isinstance(parallelism, str) else parallelism
    if isinstance(parallelism, Layout) or any(word in parallelism for word in ("data=", "dp=")):
        return layout.num_accelerators
    unit = layout.num_accelerators
    return max(1, usual // unit) * unit


def sequences_of_step(
    batch_tokens: float | str | None, active: int, sequence: int, devices: int, layout: Layout | None,
    micro: int | None, notes: list[dict[str, Any]],
) -> int:  # fmt: skip
    """Whole sequences per step, a multiple of what the data ranks take; roundings are noted."""
    ranks = layout.data if layout else 1
    unit = ranks * (micro or 1)
    if batch_tokens is None:
        exact = usual_batch_tokens(active) / sequence
        if not layout:
            unit = devices if exact >= devices else 1
    else:
        exact = positive(batch_tokens, field="batch_tokens", highest=MOST_TOKENS) / sequence
    rounded = max(1, round(exact / unit)) * unit
    if batch_tokens is None:
        notes.append(assumption("batch_tokens", rounded * sequence, "token", "usual for the model's size"))
    elif rounded != exact:
        why = f"given {batch_tokens}; rounded to {rounded} whole sequences"
        why += f" that divide by {ranks} data ranks x micro-batch {micro or 1}" if unit > 1 else ""
        notes.append(assumption("batch_tokens", rounded * sequence, "token", why))
    return rounded
