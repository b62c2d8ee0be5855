"""A dataset of the cast's team, and a live server for what must go over a real connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories import Cast, make_team
from tests.webapp.datasets.live import live_server
from webapp.datasets.models import Dataset


@pytest.fixture
def dataset(cast: Cast) -> Dataset:
    return Dataset.objects.create(project=cast.project, name="Help articles", created_by=cast.bob)


@pytest.fixture
def live_cast(transactional_db: None) -> Cast:
    """The cast, committed, so that another thread sees it."""
    return make_team()


@pytest.fixture
def live_dataset(live_cast: Cast) -> Dataset:
    return Dataset.objects.create(project=live_cast.project, name="Help articles", created_by=live_cast.bob)


@pytest.fixture
def server(live_cast: Cast) -> Iterator[str]:
    with live_server() as address:
        yield address
