"""Run the worked examples of a module's docstrings as a test."""

from __future__ import annotations

import doctest
import importlib


def assert_examples_run(module_name: str) -> None:
    """Fail with the doctest report if any example of the module gives another answer than the one written."""
    results = doctest.testmod(importlib.import_module(module_name), report=True)
    assert results.failed == 0, f"{results.failed} of {results.attempted} examples of {module_name} fail, printed above"
