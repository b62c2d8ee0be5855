"""Fixtures of the in-process tests: everything in a transaction that is rolled back."""

from __future__ import annotations

import pytest

from tests.factories import Cast, make_team


@pytest.fixture
def cast(db: None) -> Cast:
    return make_team()
