"""Parallelism as publications write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
_LOCAL = re.compile(r"\bLBS\s*[:=]?\s*(\d+)", re.IGNORECASE)
_MICRO = re.compile(r"\b(?:MBS|micro[ _-]?batch(?:[ _-]?size)?)\s*[:=]?\s*(\d+)", re.IGNORECASE)
_NOT_AGAIN = re.compile(
    r"AC=False|recomput\w*\s*[:=]?\s*none|\b(?:no|without) (?:AC\b|(?:activation )?(?:recomput|checkpointing))",
    re.IGNORECASE,
)
_ALL_AGAIN = re.compile(
    r"AC=True|full[ -]?(?:AC\b|(?:activation )?(?:recompute|checkpointing))|recomput\w*\s*[:=]?\s*full"
    r"|(?:gradient|activation) checkpointing", re.IGNORECASE)  # fmt: skip


def _in_letters(text: str) -> str:
    """Write 'tensor parallel 8', 'tensor=8', '8-way tensor' and 'tensor_model_parallel_size 8' as 'TP8'."""
    for word, letters in _WORDS.items():
        text = re.sub(
            rf"\b(\d+)[ -]?way[ -]{word}\b(?:[ -]?parallel\w*)?", rf" {letters}\1 ", text, flags=re.IGNORECASE
        )
        parallel = r"(?:[ _-]?model)?(?:[ _-]?(?:parallel[a-z]*|pipeline))?(?:[ _-]?(?:size|degree|of))?"
        text = re.sub(rf"\b{word}{parallel}\s*[:=]?\s*(?=\d)", letters, text, flags=re.IGNORECASE)
    return text


def _recompute_of(text: str) -> Recompute | None:
    if _NOT_AGAIN.search(text):
        return "none"
    if re.search(r"\bSAC\b", text) or re.search("selective", text, re.IGNORECASE):
        return "selective"
    return "full" if _ALL_AGAIN.search(text) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a publication says of how a run was laid out; None where it is silent."""

    layout: Layout | None = None
    micro_batch: int | None = None
    recompute: Recompute | None = None
    schedule_told: bool = False
    """The stages per pipeline rank are said, so they need no search."""


def _layout(degrees: dict[str, int]) -> Layout:
    """The layout; degrees of experts and virtual stages that do not go with the others are left out."""
    try:
        return Layout(**degrees)
    except InputError:
        return Layout(**{name: number for name, number in degrees.items() if name not in ("expert", "virtual")})


def _virtual_of(text: str, degrees: dict[str, int]) -> int | None:
    """Stages per pipeline rank: as printed; 2 where a schedule is called interleaved, 1 where it is called 1F1B."""
    if "virtual" in degrees or degrees.get("pipeline", 1) == 1:
        return degrees.get("virtual")
    if re.search(r"interleav", text, re.IGNORECASE):
        return 2
    return 1 if re.search(r"1F1B|GPipe", text, re.IGNORECASE) else None


def _micro_batch_of(text: str, degrees: dict[str, int]) -> int | None:
    """Sequences per forward pass; of a local batch, a pipeline makes as many micro-batches as it has stages."""
    micro, local = _MICRO.search(text), _LOCAL.search(text)
    if micro:
        return int(micro.group(1))
    stages = degrees.get("pipeline", 1) * degrees.get("virtual", 1)
    return max(1, int(local.group(1)) // stages) if local else None


def parse_parallelism(text: str, num_accelerators: int) -> Told:
    """Read 'TP8 PP16 DP48', 'FSDP128+compile', 'FSDP FULL_SHARD MBS8 GA4 AC=True', 'tp=2, pp=4' and their like.

    >>> parse_parallelism("FSDP FULL_SHARD MBS8 GA4 AC=True", 64).micro_batch
    8
    >>> parse_parallelism("TP8 PP16 DP48", 6144).layout.data
    48
    >>> told = parse_parallelism("tp=2, pipeline parallel 4, micro batch 2, no recompute", 64)
    >>> told.layout.data, told.layout.tensor, told.layout.pipeline, told.micro_batch, told.recompute
    (8, 2, 4, 2, 'none')
    >>> told = parse_parallelism("8-way tensor, pipeline_model_parallel_size=4, Selective recomputation", 64)
    >>> told.layout.data, told.layout.tensor, told.layout.pipeline, told.recompute
    (2, 8, 4, 'selective')
    >>> told = parse_parallelism("FSDP8 TP8 PP8 interleaved 1F1B LBS32 full AC", 512)
    >>> told.layout.virtual, told.micro_batch, told.schedule_told
    (2, 2, True)
    """
    if not text.strip():
        return Told()
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
    virtual = _virtual_of(text, degrees)
    if virtual:
        degrees["virtual"] = virtual
    layout = None
    known = degrees.get("tensor", 1) * degrees.get("pipeline", 1) * degrees.get("context", 1)
    if re.search(r"\bDDP\b", text):
        degrees.setdefault("data", num_accelerators)
    if num_accelerators and num_accelerators % known == 0 and (degrees or zero):
        data = num_accelerators // known
        whole = hybrid and data > 8 and data % 8 == 0
        layout = _layout({**degrees, "data": data, "zero": min(3, zero), "shard": 8 if whole else 0})
    return Told(
        layout=layout, micro_batch=_micro_batch_of(text, degrees), recompute=_recompute_of(text),
        schedule_told=virtual is not None,
    )  # fmt: skip
