"""Parallelism as publications write it."""

from __future__ import annotations

import re

from economics.errors import InputError
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
_WORDS = {"virtual": "VPP", "tensor": "TP", "pipeline": "PP", "data": "DP", "context": "CP", "expert": "EP"}
_DEGREE = re.compile(r"(?<![A-Za-z])(VPP|VP|TP|PP|DP|CP|EP)\s*[:=]?\s*(\d+)", re.IGNORECASE)
_MICRO = re.compile(r"\b(?:MBS|LBS|micro[ _-]?batch(?:[ _-]?size)?)\s*[:=]?\s*(\d+)", re.IGNORECASE)
_NOT_AGAIN = re.compile(r"AC=False|\b(?:no|without) (?:AC\b|(?:activation )?(?:recomput|checkpointing))", re.IGNORECASE)
_ALL_AGAIN = re.compile(r"AC=True|full[ -]?(?:AC\b|(?:activation )?(?:recompute|checkpointing))", re.IGNORECASE)


def _in_letters(text: str) -> str:
    """Write 'tensor parallel 8' and 'tensor=8' as 'TP8'."""
    for word, letters in _WORDS.items():
        text = re.sub(
            rf"\b{word}(?:[ -]?(?:parallel\w*|pipeline))?\s*[:=]?\s*(?=\d)", letters, text, flags=re.IGNORECASE
        )
    return text


def _recompute_of(text: str) -> Recompute | None:
    if _NOT_AGAIN.search(text):
        return "none"
    if re.search(r"\bSAC\b|selective", text):
        return "selective"
    return "full" if _ALL_AGAIN.search(text) else None


def _layout(degrees: dict[str, int]) -> Layout:
    """The layout; degrees of experts and virtual stages that do not go with the others are left out."""
    try:
        return Layout(**degrees)
    except InputError:
        return Layout(**{name: number for name, number in degrees.items() if name not in ("expert", "virtual")})


def parse_parallelism(text: str, num_accelerators: int) -> tuple[Layout | None, int | None, Recompute | None]:
    """Read 'TP8 PP16 DP48', 'FSDP128+compile', 'FSDP FULL_SHARD MBS8 GA4 AC=True', 'tp=2, pp=4' and their like.

    >>> parse_parallelism("FSDP FULL_SHARD MBS8 GA4 AC=True", 64)[1:]
    (8, 'full')
    >>> parse_parallelism("TP8 PP16 DP48", 6144)[0].data
    48
    >>> found, micro, again = parse_parallelism("tp=2, pipeline parallel 4, micro batch 2, no recompute", 64)
    >>> found.data, found.tensor, found.pipeline, micro, again
    (8, 2, 4, 2, 'none')
    """
    if not text.strip():
        return None, None, None
    text = _in_letters(text)
    degrees = {_LETTERS[letters.upper()]: int(number) for letters, number in _DEGREE.findall(text)}
    sharded = re.search(r"(?:FSDP2?|ZeRO-?3)\s*=?\s*(\d*)", text, re.IGNORECASE)
    hybrid = re.search(r"HSDP", text, re.IGNORECASE)
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
    micro = _MICRO.search(text)
    recompute = _recompute_of(text)
    layout = None
    known = degrees.get("tensor", 1) * degrees.get("pipeline", 1) * degrees.get("context", 1)
    if re.search(r"\bDDP\b", text):
        degrees.setdefault("data", num_accelerators)
    if num_accelerators and num_accelerators % known == 0 and (degrees or zero):
        data = num_accelerators // known
        whole = hybrid and data > 8 and data % 8 == 0
        layout = _layout({**degrees, "data": data, "zero": min(3, zero), "shard": 8 if whole else 0})
    return layout, int(micro.group(1)) if micro else None, recompute
