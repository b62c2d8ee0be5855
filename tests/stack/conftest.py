"""Fixtures of the tests with real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack.installation import Installation


@pytest.fixture(scope="module")
def stack() -> Iterator[Installation]:
    """A running installation of this module's own, with short intervals, which its tests may hurt."""
    installation = Installation()
    try:
        yield installation.start()
    finally:
        installation.remove()
