"""Tests of conditional writes use real connections: several threads, committed rows, deleted afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from tests.factories import Cast, make_team


@pytest.fixture
def shared_cast(transactional_db: None) -> Cast:
    """A team whose rows other connections see."""
    return make_team()


@pytest.fixture
def at_once() -> Iterator[Callable[..., list[Any]]]:
    """Call a function in several threads at once, each with a connection of its own."""
    pool = ThreadPoolExecutor(max_workers=8)

    def call(function: Callable[[int], Any], times: int) -> list[Any]:
        def alone(number: int) -> Any:
            try:
                return function(number)
            finally:
                connection.close()

        return list(pool.map(alone, range(times)))

    yield call
    pool.shutdown()
