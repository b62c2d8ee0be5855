"""Every worked example in the package's pages runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import economics

PARTS = ("architecture", "catalogue", "flop", "memory", "serving", "throughput", "training", "validation", "verbs",
         "energy", "fit_to", "hardware", "layout", "ownership", "units", "tables", "constants")  # fmt: skip
MODULES = [
    module.name
    for module in pkgutil.walk_packages(economics.__path__, "economics.")
    if module.name.split(".")[1] in PARTS
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0
