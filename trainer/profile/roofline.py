"""Places the operations of a traced step under the machine's roof.

An operation that does F FLOP on B bytes has the intensity F / B. It can reach at most

    min(FLOP/s of matrix products, intensity * bytes/s of memory)

so that what lies under the slope waits for memory and what lies under the flat part for arithmetic. Bytes are those of
inputs and result read and written once, in the step's number format: caches may serve some, never more.
Source: Williams, Waterman and Patterson 2009.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

NUM_POINTS = 20
INNER = {"aten::mm": (0, -1), "aten::addmm": (1, -1), "aten::bmm": (0, -1), "aten::baddbmm": (1, -1)}
"""Where the length of the inner dimension is found: number of the input, and its axis."""


def under_the_roof(
    operations: Iterable[Any], *, num_steps: int, element_bytes: int, on_device: bool
) -> list[dict[str, Any]]:
    """Return the operations whose FLOP the profiler counts, by name and shapes, the longest of a step first.

    `operations` are averages grouped by input shapes. Each is told with `seconds` of a step, `flop_per_second` and
    `flop_per_byte`.
    """
    found = []
    for each in operations:
        seconds = (each.device_time_total if on_device else each.cpu_time_total) / 1e6
        shapes = [tuple(shape) for shape in each.input_shapes if shape]
        if not each.flops or not seconds or not shapes:
            continue
        elements = sum(map(math.prod, shapes)) + result_elements(each.key, shapes, each.flops / each.count)
        found.append({
            "name": each.key, "shapes": " × ".join("·".join(map(str, shape)) for shape in shapes),
            "seconds": seconds / num_steps, "flop_per_second": each.flops / seconds,
            "flop_per_byte": each.flops / each.count / (elements * element_bytes),
        })  # fmt: skip
    return sorted(found, key=lambda each: -each["seconds"])[:NUM_POINTS]


def result_elements(name: str, shapes: Sequence[Sequence[int]], flop: float) -> float:
    """Return how many numbers an operation writes: a product of two numbers and a sum for each of the inner dimension."""
    if name in INNER:
        place, axis = INNER[name]
        return flop / (2 * shapes[place][axis])
    if name == "aten::conv2d":
        return flop / (2 * math.prod(shapes[1][1:]))
    return flop  # one by one
