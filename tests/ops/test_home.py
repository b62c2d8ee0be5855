"""Where things lie, who may read them, and where the web process listens."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import environ
import pytest

from webapp.ops.home import SOCKET_PATH_MAX_BYTES, Home, HomeError
from webapp.ops.listening import Address, listen


def home_at(path: Path, **variables: str) -> Home:
    return Home.from_environ({"ISOCOST_HOME": str(path), **variables})


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    home = home_at(tmp_path / "home")
    secret = home.secret_key()
    assert len(secret) > 60
    assert home_at(tmp_path / "home").secret_key() == secret
    assert stat.S_IMODE((home.path / "secret_key").stat().st_mode) == 0o600
    assert home_at(tmp_path / "other").secret_key() != secret


def test_every_socket_fits_however_long_the_path_is(tmp_path: Path) -> None:
    short, long = home_at(Path("/tmp/h")), home_at(tmp_path / ("很长" * 40))
    assert short.run == Path("/tmp/h/run")
    for home in (short, long):
        for place in (home.server_sockets / ".s.PGSQL.5432", home.valkey_socket, home.serve_socket):
            assert len(os.fsencode(place)) <= SOCKET_PATH_MAX_BYTES
    assert long.run == home_at(tmp_path / ("很长" * 40)).run
    assert long.run != home_at(tmp_path / ("很短" * 40)).run


def test_addresses_name_the_sockets_even_with_a_space_and_chinese() -> None:
    home = home_at(Path("/tmp/a b 公司"))
    found = environ.Env.db_url_config(home.database_url)
    assert (found["HOST"], found["NAME"], found["USER"]) == ("/tmp/a b 公司/run/servers", "isocost", "isocost")
    import redis

    assert redis.ConnectionPool.from_url(home.redis_url).connection_kwargs["path"] == "/tmp/a b 公司/run/servers/valkey"


def test_servers_of_ones_own_switch_the_embedded_ones_off() -> None:
    home = home_at(Path("/tmp/h"), DATABASE_URL="postgresql://me@db/isocost", REDIS_URL="redis://board/0")
    assert not home.embedded_postgres
    assert not home.embedded_valkey
    assert (home.database_url, home.redis_url) == ("postgresql://me@db/isocost", "redis://board/0")


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = home_at(tmp_path / "home").ensure()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(HomeError, match="belongs to somebody else"):
        home.ensure()


def test_a_link_in_the_place_of_the_socket_folder_is_not_followed(tmp_path: Path) -> None:
    home = home_at(tmp_path / ("长" * 60))
    (tmp_path / "elsewhere").mkdir()
    home.run.symlink_to(tmp_path / "elsewhere")
    try:
        with pytest.raises(HomeError):
            home.ensure()
    finally:
        home.run.unlink()


def test_a_file_in_the_way_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(HomeError, match="in the way"):
        home_at(tmp_path / "home").ensure()


def test_localhost_listens_for_both_network_families_on_one_port() -> None:
    sockets, port = listen(Address(host="localhost", port=0, url=""))
    try:
        assert {opened.getsockname()[1] for opened in sockets} == {port}
        with pytest.raises(OSError, match="in use"), socket.socket() as other:
            other.bind(("127.0.0.1", port))
        again, next_port = listen(Address(host="localhost", port=port, url=""))
        assert next_port > port
        for opened in again:
            opened.close()
    finally:
        for opened in sockets:
            opened.close()


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://localhost:8000"),
        ({"ISOCOST_HOST": "127.0.0.1"}, "http://localhost:8000"),
        ({"ISOCOST_HOST": "0.0.0.0", "ISOCOST_URL": "https://isocost.example/"}, "https://isocost.example"),
        ({"ISOCOST_HOST": "10.1.2.3", "ISOCOST_INSECURE": "1"}, "http://10.1.2.3:8000"),
    ],
)
def test_the_address_that_people_type(variables: dict[str, str], url: str) -> None:
    assert Address.from_environ(variables).public_url(8000) == url


@pytest.mark.parametrize(
    "variables", [{"ISOCOST_HOST": "0.0.0.0"}, {"ISOCOST_HOST": "::", "ISOCOST_URL": "http://x.example"}]
)
def test_others_are_let_in_only_over_https(variables: dict[str, str]) -> None:
    with pytest.raises(HomeError, match="without https"):
        Address.from_environ(variables)
