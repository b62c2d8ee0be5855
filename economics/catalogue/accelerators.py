"""Accelerators by name: a forgiving lookup that says what it took."""

from __future__ import annotations

import difflib
import re
import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any

from economics.errors import UnknownNameError
from economics.hardware import Accelerator

_WORDS_LEFT_OUT = ("nvidia", "amd", "intel", "google", "aws", "huawei", "apple", "geforce", "tesla", "gpu", "instinct",
                   "habana", "hbm3e", "hbm3", "hbm2e", "hbm2", "cloud", "oam")  # fmt: skip


@lru_cache(maxsize=1)
def accelerators() -> dict[str, Accelerator]:
    """Return every accelerator by its name in the catalogue.

    >>> len(accelerators()) >= 40
    True
    """
    text = resources.files("economics.catalogue").joinpath("accelerators.toml").read_text(encoding="utf-8")
    return {name: _accelerator(name, row) for name, row in tomllib.loads(text).items()}


@lru_cache(maxsize=1)
def _usual_forms() -> dict[str, str]:
    text = resources.files("economics.catalogue").joinpath("accelerators.toml").read_text(encoding="utf-8")
    return {row["family"]: name for name, row in tomllib.loads(text).items() if row.get("usual")}


def _accelerator(name: str, row: dict[str, Any]) -> Accelerator:
    def tera(field: str) -> float:
        return float(row.get(field, 0.0)) * 1e12

    return Accelerator(
        name=name,
        memory_bytes=float(row.get("memory_gb", 0.0)) * 1e9,
        memory_bytes_per_second=float(row.get("memory_gb_per_second", 0.0)) * 1e9,
        bf16_flop_per_second=tera("bf16_tflop_per_second"),
        fp32_flop_per_second=tera("fp32_tflop_per_second"),
        tf32_flop_per_second=tera("tf32_tflop_per_second"),
        fp8_flop_per_second=tera("fp8_tflop_per_second"),
        int8_flop_per_second=tera("int8_tflop_per_second"),
        fp4_flop_per_second=tera("fp4_tflop_per_second"),
        bf16_ceiling_flop_per_second=tera("bf16_matmul_ceiling_tflop_per_second"),
        fp8_ceiling_flop_per_second=tera("fp8_matmul_ceiling_tflop_per_second"),
        link_bytes_per_second=float(row.get("link_gb_per_second", 0.0)) * 1e9,
        network_bytes_per_second=float(row.get("network_gb_per_second", 0.0)) * 1e9,
        num_per_node=int(row.get("num_per_node", 8)),
        rated_watts=float(row.get("rated_watts", 0.0)),
        server_watts=float(row.get("server_watts", 0.0)),
        vendor=str(row["vendor"]),
        family=str(row["family"]),
        kind=row.get("kind", "accelerator"),
        steady_clock=bool(row.get("steady_clock", False)),
        year=int(row.get("year", 0)),
        from_memory=bool(row.get("memory", False)),
        source=str(row["source"]),
        note=str(row.get("note", "")),
    )


def _words(name: str) -> frozenset[str]:
    """The words of a name that tell forms apart: 'A100-SXM4-80GB' -> {a100, sxm, 80gb}."""
    text = (
        _without_processor(name)
        .replace("_", " ")
        .replace("-", " ")
        .replace("/", " ")
        .replace("(", " ")
        .replace(")", " ")
    )
    text = re.sub(r"\bsxm\d\b", "sxm", text)
    text = re.sub(r"\btrillium\b", "tpu v6e", text)
    text = re.sub(r"\btpu\s?(?=v\d)", "tpu ", text)
    text = re.sub(r"\bv5\s?lite\b", "v5e", text)
    text = re.sub(r"\b8480(?!\+)", "8480+", text)
    text = re.sub(r"\b(ironwood|tpu\s?v7)\b", "tpu v7x", text)
    text = re.sub(r"\btrn(?=\d)", "trainium", text)
    text = re.sub(r"\b(gaudi|trainium)\s+(?=\d)", r"\1", text)
    text = re.sub(
        r"\b(rtx|tpu|epyc|xeon|mi)\s?(?=\d)", lambda m: m.group(1) if m.group(1) == "mi" else m.group(1) + " ", text
    )
    text = re.sub(r"(\d+)\s*g(i?b)?\b", r"\1gb", text)
    text = re.sub(r"\b(a100|h100|h200|b200|b300|v100|gh200|gb200|gb300|h800|h20)(?=[a-z])", r"\1 ", text)
    words = [w for w in text.split() if w not in _WORDS_LEFT_OUT and w not in ("dgxs", "per", "core")]
    return frozenset(words)


def memory_gb_said(name: str) -> int | None:
    """Return the GB that a name says, if any.

    >>> memory_gb_said("H100 96GB"), memory_gb_said("a100-80g"), memory_gb_said("a10g")
    (96, 80, None)
    """
    said = re.search(r"(\d+)\s*gi?b\b|(?<![a-z\d])(\d+)\s*g\b", _without_processor(name))
    return int(said[1] or said[2]) if said else None


def _without_processor(name: str) -> str:
    """Drivers call a GH200 after the 480 GB of its processor; the accelerator has 96."""
    return re.sub(r"\bgh200[ -]480\s?gi?b\b", "gh200 96gb", name.lower())


def find_accelerator(name: str) -> Accelerator:
    """Return what a person means by an accelerator's name; its `name` says what was taken.

    An exact name wins, then the only one that has all the words given, then the usual form of a family ("h100" is the
    SXM form with 80 GB). Where several forms remain and none is marked as usual, the list is given back.

    Raises
    ------
    UnknownNameError : with what could be meant

    >>> find_accelerator("h100").name, find_accelerator("A100 80GB SXM").name, find_accelerator("GB200").name
    ('H100 SXM', 'A100 80GB SXM', 'GB200')
    """
    table = accelerators()
    wanted = _words(name)
    exact = [a for a in table.values() if _words(a.name) == wanted]
    if exact:
        return exact[0]
    family = [a for a in table.values() if _words(a.family) == wanted]
    if len(family) > 1 or (family and family[0].name in _usual_forms().values()):
        usual = _usual_forms().get(family[0].family)
        if usual:
            return table[usual]
        forms = ", ".join(sorted(a.name for a in family))
        raise UnknownNameError("accelerator", name, f"one form: {forms}")
    holding = [a for a in table.values() if wanted and wanted <= _words(a.name)]
    if len(holding) == 1:
        return holding[0]
    if holding:
        usual_ones = [a for a in holding if a.name in _usual_forms().values()] or _like_the_usual(holding)
        if len(usual_ones) == 1 and len({a.family for a in holding}) == 1:
            return usual_ones[0]
        raise UnknownNameError("accelerator", name, "one form: " + ", ".join(sorted(a.name for a in holding)))
    return _by_family_and_memory(name, wanted)


def _like_the_usual(candidates: list[Accelerator]) -> list[Accelerator]:
    """Of forms that differ in more than memory, the one built like the family's usual form."""
    usual = _usual_forms().get(candidates[0].family)
    kinds = _words(usual) & {"sxm", "pcie", "nvl"} if usual else frozenset()
    like = [a for a in candidates if kinds and kinds & _words(a.name)]
    return like if len(like) == 1 else []


def _by_family_and_memory(name: str, wanted: frozenset[str]) -> Accelerator:
    """A family with a form or memory the catalogue writes otherwise: 'H100 SXM5 80GB', 'A100 80GB'."""
    table = accelerators()
    candidates = [a for a in table.values() if _words(a.family) <= wanted]
    if candidates:
        longest = max(len(_words(a.family)) for a in candidates)
        candidates = [a for a in candidates if len(_words(a.family)) == longest]
        memory = next((int(w[:-2]) for w in wanted if re.fullmatch(r"\d+gb", w)), 0)
        if memory:
            same = [a for a in candidates if abs(a.memory_bytes / 1e9 - memory) < 0.5]
            candidates = same or candidates
        kinds = wanted & {"sxm", "pcie", "nvl"}
        if kinds:
            candidates = [a for a in candidates if kinds & _words(a.name)] or candidates
        usual = [a for a in candidates if a.name in _usual_forms().values()] or _like_the_usual(candidates)
        if len(candidates) == 1 or usual:
            return (usual or candidates)[0]
        raise UnknownNameError("accelerator", name, "one form: " + ", ".join(sorted(a.name for a in candidates)))
    near = difflib.get_close_matches(name, list(table), n=4, cutoff=0.3)
    raise UnknownNameError(
        "accelerator", name, "one of the catalogue, such as " + ", ".join(near or ["H100 SXM", "MI300X"])
    )
