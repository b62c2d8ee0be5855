"""The harness itself: Django's tests reach a real PostgreSQL and a real Valkey."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection


@pytest.mark.django_db
def test_the_database_is_postgresql_18_on_a_socket_of_this_session() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        assert cursor.fetchone()[0].startswith("18")
        cursor.execute("SHOW listen_addresses")
        assert cursor.fetchone()[0] == ""


@pytest.mark.django_db
def test_the_cache_is_a_valkey() -> None:
    cache.set("isocost-harness", "here", 10)
    assert cache.get("isocost-harness") == "here"
