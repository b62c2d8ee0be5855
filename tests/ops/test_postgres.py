"""The embedded PostgreSQL comes back from every kind of kill, and nothing of it is open to others."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.ops.home import Home, HomeError
from webapp.ops.postgres import SOCKET_NAME, EmbeddedPostgres
from webapp.ops.processes import processes_in
from webapp.ops.valkey import EmbeddedValkey

LONG_NAME = (
    "a rather long folder name as people have them on their own machines 公司/第二个 project folder/isocost home"
)


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    base = Path(tempfile.mkdtemp(prefix="isocost ", dir="/tmp"))
    base.chmod(0o711)
    home = Home.from_environ({"ISOCOST_HOME": str(base / LONG_NAME)}).ensure()
    try:
        yield home
    finally:
        shutil.rmtree(base)
        shutil.rmtree(home.run, ignore_errors=True)


@pytest.fixture
def postgres(home: Home) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home=home)
    try:
        yield server
    finally:
        server.stop(grace_seconds=5)


def num_rows(server: EmbeddedPostgres) -> int:
    with server.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def test_a_long_path_with_a_space_and_chinese_gets_a_short_private_socket_folder(home: Home) -> None:
    assert len(os.fsencode(home.server_sockets / SOCKET_NAME)) <= 103
    assert stat.S_IMODE(home.run.stat().st_mode) in (0o700, 0o711)


def test_data_stays_over_a_stop_and_a_start(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    before = num_rows(postgres)
    postgres.stop()
    postgres.start()
    assert num_rows(postgres) == before + 1


def test_a_killed_postmaster_leaves_backends_and_a_pid_file_and_the_next_start_copes(
    postgres: EmbeddedPostgres,
) -> None:
    process = postgres.start()
    before = num_rows(postgres)
    with contextlib.closing(postgres.connect()) as sleeper:
        sleeper.pgconn.send_query(b"SELECT pg_sleep(600)")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (postgres.data / "postmaster.pid").exists()
        postgres.process = None
        postgres.start()
    assert num_rows(postgres) == before + 1


def test_a_server_still_running_from_a_killed_parent_is_ended_first(home: Home, postgres: EmbeddedPostgres) -> None:
    old = postgres.start()
    second = EmbeddedPostgres(home=home)
    new = second.start()
    assert old.wait(10) is not None
    assert num_rows(second) > 0
    assert new.pid in {process.pid for process in processes_in(postgres.data, name="postgres")}
    second.stop()


def test_a_stale_pid_that_now_belongs_to_a_live_stranger_is_not_believed(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    before = num_rows(postgres)
    postgres.stop()
    user = postgres.user
    with subprocess.Popen(["sleep", "60"], user=user.uid if user else None) as stranger:
        lines = [
            str(stranger.pid),
            str(postgres.data),
            "1",
            "5432",
            str(postgres.home.server_sockets),
            "",
            "1 1",
            "ready",
        ]
        (postgres.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
        (postgres.home.server_sockets / f"{SOCKET_NAME}.lock").write_text("\n".join(lines) + "\n")
        (postgres.home.server_sockets / SOCKET_NAME).write_text("")
        postgres.start()
        assert num_rows(postgres) == before + 1
        assert stranger.poll() is None, "the stranger must live"
        stranger.kill()


def test_an_initdb_that_was_cut_short_is_begun_again(home: Home, postgres: EmbeddedPostgres) -> None:
    postgres.prepare()
    shutil.rmtree(postgres.data)
    half = home.servers / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert num_rows(postgres) == 1


def test_data_of_another_major_version_is_refused_with_a_sentence(postgres: EmbeddedPostgres) -> None:
    postgres.prepare()
    place = postgres.data / "PG_VERSION"
    place.write_text("17\n")
    try:
        with pytest.raises(HomeError, match="made by PostgreSQL 17; this version runs 18"):
            postgres.prepare()
    finally:
        place.write_text("18\n")


def test_nobody_else_may_read_or_write_what_the_servers_keep(home: Home, postgres: EmbeddedPostgres) -> None:
    postgres.start()
    open_to_others = [
        path
        for folder in (home.servers, home.server_sockets, home.logs, home.files)
        for path in [folder, *folder.rglob("*")]
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]
    assert open_to_others == []


def test_valkey_keeps_nothing_drops_nothing_and_replaces_a_leftover(home: Home) -> None:
    first, second = EmbeddedValkey(home=home), EmbeddedValkey(home=home)
    old = first.start()
    try:
        second.start()
        assert old.wait(10) is not None
        import redis

        with redis.Redis(unix_socket_path=str(home.valkey_socket)) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("save") == {"save": ""}
            assert client.config_get("port") == {"port": "0"}
    finally:
        second.stop()
    assert not home.valkey_socket.exists()
