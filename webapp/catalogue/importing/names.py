"""Providers' names of accelerators, and those of the catalogue."""

from __future__ import annotations

import re
from functools import lru_cache

from economics.catalogue.accelerators import find_accelerator
from economics.errors import EconomicsError
from webapp.catalogue.models import Accelerator

RENAMED = {
    "V100-32GB": "V100 SXM2 32GB", "V100": "V100 SXM2 16GB", "A100": "A100 40GB SXM", "A100-80GB": "A100 80GB SXM",
    "A100-80GB-SXM": "A100 80GB SXM", "H100-SXM": "H100 SXM", "H200-SXM": "H200 SXM", "A6000": "RTX A6000",
    "RTX6000-Ada": "RTX 6000 Ada", "GH200": "GH200 96GB", "v5litepod": "TPU v5e",
}  # fmt: skip
"""As the two catalogues write them, where the plain search would take another form."""

SAME_MEMORY = 0.15
"""Some count GB, some GiB, some what is left of either: forms of one name differ by half and more."""


def accelerator_named(text: str, *, memory_gb: float | None = None) -> tuple[str, bool]:
    """Return (name in the catalogue, True), or (the text itself, False) where the catalogue does not know it."""
    return _found(text, memory_gb)


@lru_cache(maxsize=2_000)
def _found(text: str, memory_gb: float | None) -> tuple[str, bool]:
    plain = [RENAMED[text]] if text in RENAMED else [text]  # a form that the catalogue lacks is no other form
    for wanted in [f"{text} {memory_gb:g}GB", *plain] if memory_gb else plain:
        said = memory_gb or next((float(size) for size in re.findall(r"(\d+) ?GB\b", wanted)), None)
        try:
            found = find_accelerator(wanted)
        except EconomicsError:
            continue
        if said is None or abs(found.memory_bytes / (said * 1e9) - 1) < SAME_MEMORY:
            return found.name, True
    return (f"{text} {memory_gb:g}GB" if memory_gb else text), False


def accelerator_rows() -> dict[str, Accelerator]:
    """Return the catalogue's accelerators by name."""
    return {row.name: row for row in Accelerator.objects.all()}
