"""Parallelism as publications write it."""

from __future__ import annotations

import re

from economics.flop.decoder import Recompute
from economics.layout import Layout

_LETTERS = {
    "TP": "tensor",
    "PP": "pipeline",
    "DP": "data",
    "CP": "context",
    "EP": "expert",
    "VPP": "virtual",
    "VP": "virtual",
}


def parse_parallelism(text: str, num_accelerators: int) -> tuple[Layout | None, int | None, Recompute | None]:
    """Read 'TP8 PP16 DP48', 'FSDP128+compile', 'FSDP FULL_SHARD MBS8 GA4 AC=True' and their like.

    >>> parse_parallelism("FSDP FULL_SHARD MBS8 GA4 AC=True", 64)[1:]
    (8, 'full')
    >>> parse_parallelism("TP8 PP16 DP48", 6144)[0].data
    48
    """
    if not text.strip():
        return None, None, None
    degrees: dict[str, int] = {}
    for letters, number in re.findall(r"\b(VPP|VP|TP|PP|DP|CP|EP)\s*=?\s*(\d+)", text):
        degrees[_LETTERS[letters]] = int(number)
    sharded = re.search(r"(?:FSDP2?|ZeRO-?3)\s*=?\s*(\d*)", text)
    hybrid = re.search(r"HSDP", text)
    zero = 0
    if sharded or hybrid:
        zero = 3
        if sharded and sharded.group(1):
            degrees.setdefault("data", int(sharded.group(1)))
    stage = re.search(r"ZeRO-?(\d)", text, re.IGNORECASE)
    if stage:
        zero = int(stage.group(1))
    elif not sharded and not hybrid and ("data" in degrees or "tensor" in degrees):
        zero = 1 if degrees.get("data", 2) > 1 else 0
    micro = re.search(r"\b(?:MBS|LBS)\s*=?\s*(\d+)", text)
    recompute: Recompute | None = None
    if re.search(r"\bSAC\b|selective", text):
        recompute = "selective"
    elif re.search(r"AC=True|full[ -]?(AC|recompute)", text):
        recompute = "full"
    elif re.search(r"AC=False", text):
        recompute = "none"
    layout = None
    known = degrees.get("tensor", 1) * degrees.get("pipeline", 1) * degrees.get("context", 1)
    if re.search(r"\bDDP\b", text):
        degrees.setdefault("data", num_accelerators)
    if num_accelerators and num_accelerators % known == 0 and (degrees or zero):
        data = num_accelerators // known
        whole = hybrid and data > 8 and data % 8 == 0
        layout = Layout(**{**degrees, "data": data, "zero": zero, "shard": 8 if whole else 0})
    return layout, int(micro.group(1)) if micro else None, recompute
