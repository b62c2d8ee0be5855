"""`manage.py up`: starts, lets one in, stops in order, keeps the data, and heals after every kind of kill."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.stack.installation import Client, Installation, eventually
from tests.stack.jobs_watch import assert_history_is_whole, start_run
from webapp.ops.home import CHECKOUT

LONG_NAME = (
    "a rather long folder name as people have them on their own machines 公司/第二个 project folder/isocost home"
)


@pytest.fixture(scope="module")
def up() -> Iterator[Installation]:
    """An installation at a long path with a space and Chinese, which these tests may hurt."""
    installation = Installation(name=LONG_NAME)
    try:
        yield installation.start()
    finally:
        installation.remove()


@pytest.fixture
def running(up: Installation) -> Installation:
    """The same, running, whatever the test before did to it."""
    return up if up.note().get("ready") else up.start()


def answers(installation: Installation) -> bool:
    try:
        return Client(installation.url).get("/accounts/login/", timeout=10).status_code == 200
    except (OSError, KeyError):
        return False


def open_to_others(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if not path.is_symlink() and not stat.S_ISSOCK(path.lstat().st_mode) and path.lstat().st_mode & 0o002
    ]


def test_it_prints_its_address_and_a_login_link_that_works_once(running: Installation) -> None:
    running.stop()
    running.start()
    link = re.search(r"https?://\S+/login/\S+", running.said())
    assert link, running.said()
    assert link[0].startswith(running.url)
    assert running.url == f"http://localhost:{running.note()['port']}"
    client = Client(running.url).sign_in(link[0])
    assert client.get("/account/").url.endswith("/account/"), "signed in, so not sent to the login page"
    assert Client(running.url).get(link[0]).status_code == 410, "a link works once"


def test_make_login_prints_another_link(running: Installation) -> None:
    assert running.client().get("/account/").url.endswith("/account/")


def test_static_files_are_served(running: Installation) -> None:
    page = Client(running.url).get("/accounts/login/")
    assert page.status_code == 200
    sheet = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert sheet, page.text
    assert Client(running.url).get(sheet[1]).status_code == 200


def test_it_runs_web_workers_and_both_servers(running: Installation) -> None:
    assert {"postgres", "valkey", "web", "worker-light", "worker-cpu"} <= set(running.pids)
    assert all(psutil.pid_exists(pid) for pid in running.pids.values())


def test_with_nothing_to_do_all_of_it_fits_into_700_mb(running: Installation) -> None:
    workers = "SELECT count(*) FROM jobs_worker WHERE stopped_at IS NULL"
    eventually(lambda: running.query(workers)[0][0] >= 2, what="both workers have loaded their code and said so")
    held = [(process.memory_full_info().pss, " ".join(process.cmdline())) for process in running.members()]
    assert sum(num_bytes for num_bytes, _ in held) < 700e6, sorted(held)


def test_nothing_is_open_to_others(running: Installation) -> None:
    assert open_to_others(running.home.path) == []
    assert stat.S_IMODE(running.home.files.stat().st_mode) == 0o700
    assert stat.S_IMODE((running.home.path / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE(running.home.path.stat().st_mode) in (0o700, 0o711)


def test_ctrl_c_ends_every_process_and_a_second_start_goes_on_with_the_data(running: Installation) -> None:
    users = running.query("SELECT id, email FROM teams_user")
    assert users
    assert len(running.members()) > 5
    assert running.stop() == 0
    assert running.members() == []
    running.start()
    assert running.query("SELECT id, email FROM teams_user") == users


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_kill_and_a_closed_terminal_stop_it_too(running: Installation, number: int) -> None:
    assert running.stop(number=number) == 0
    assert running.members() == []


@pytest.mark.parametrize("name", ["web", "worker-light", "worker-cpu", "valkey", "postgres"])
def test_a_killed_process_is_healed(running: Installation, name: str) -> None:
    running.wait_healed(name, running.kill(name))
    eventually(lambda: answers(running), timeout_seconds=60, what="pages answer again")
    assert running.query("SELECT 1") == [(1,)]


def test_a_restarted_web_process_refuses_nobody(running: Installation) -> None:
    running.kill("web")
    page = Client(running.url).get("/accounts/login/", timeout=60)
    assert page.status_code == 200, "the request waited for the new process"


def test_after_sigkill_of_everything_it_starts_again_with_its_data(running: Installation) -> None:
    running.query("CREATE TABLE IF NOT EXISTS kept (value int)")
    running.query("INSERT INTO kept VALUES (1)")
    before = running.query("SELECT count(*) FROM kept")
    running.kill_everything()
    running.start()
    assert running.query("SELECT count(*) FROM kept") == before


def test_children_of_a_killed_parent_are_ended_before_the_new_start(running: Installation) -> None:
    orphans = [psutil.Process(pid) for pid in running.pids.values()]
    assert running.process is not None
    running.process.kill()
    running.process.wait()
    assert all(orphan.is_running() for orphan in orphans), "they outlive their parent, else this proves nothing"
    running.start()
    assert "earlier run that was killed" in running.said()
    assert not any(orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE for orphan in orphans)


def test_a_second_up_on_the_same_home_is_refused_with_a_sentence(running: Installation) -> None:
    second = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=CHECKOUT,
        env=running.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert "already runs at" in second.stderr
    assert "make login" in second.stderr
    assert answers(running)


def test_an_up_of_older_code_is_asked_to_stop(running: Installation) -> None:
    old = running.process
    assert old is not None
    note = (running.home.path / "up.json").read_text(encoding="utf-8")
    (running.home.path / "up.json").write_text(note.replace(running.note()["code"], "older"), encoding="utf-8")
    running.start()
    assert old.wait(5) == 0
    assert "An older version runs" in running.said()
    assert answers(running)


def test_an_upgrade_saves_a_running_training_migrates_and_goes_on_with_it(running: Installation) -> None:
    """`git pull && make run` beside an `up` of the older code, which works on a run just then."""
    job = start_run(running, num_steps=1_500, every_steps=500)
    job.wait_for_step(60)
    step, old = job.step, running.process
    assert old is not None
    backups = set(running.home.backups.glob("*"))
    running.query("DELETE FROM django_migrations WHERE app = 'sessions'")  # what the newer code brings a migration for
    running.query("DROP TABLE django_session")
    note = (running.home.path / "up.json").read_text(encoding="utf-8")
    (running.home.path / "up.json").write_text(note.replace(running.note()["code"], "older"), encoding="utf-8")
    running.start()
    assert old.wait(5) == 0
    assert job.attempts()[0][1:3] == ("released", "worker_left")
    assert set(running.home.backups.glob("*")) - backups, "a backup from before the migration"
    assert job.wait_for_end() == "succeeded", job.describe()
    assert job.events("started")[1][3]["resumed_from_step"] >= step, "it had saved before the old one left"
    assert job.row("num_failures") == 0
    assert_history_is_whole(job)


def test_a_taken_port_is_said_and_the_next_one_is_used(running: Installation) -> None:
    running.stop()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running.start(ISOCOST_PORT=str(port))
        assert running.note()["port"] > port
        assert f"Port {port} is taken; using {running.note()['port']}." in running.said()
        assert answers(running)
    running.stop()


def test_a_database_newer_than_the_code_is_refused_with_a_sentence(running: Installation) -> None:
    running.query("INSERT INTO django_migrations (app, name, applied) VALUES ('teams', '9999_later', now())")
    running.stop()
    process = running.spawn()
    assert process.wait(60) == 1
    assert "newer version of Isocost" in running.said()
    assert "teams.9999_later" in running.said()
    assert running.members() == []
    with_server = Installation(base=running.base, name=LONG_NAME)
    _forget_migration(with_server)
    running.start()


def _forget_migration(installation: Installation) -> None:
    from webapp.ops.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(home=installation.home)
    server.start()
    installation.query("DELETE FROM django_migrations WHERE name = '9999_later'")
    server.stop()


def test_a_migration_keeps_a_backup_from_before_only_the_last_five_and_it_can_be_restored(
    running: Installation,
) -> None:
    for number in range(6):
        (running.home.backups / f"isocost-2020-01-0{number + 1}T00-00-00.000.dump").write_bytes(b"old")
    running.query("CREATE TABLE kept_before AS SELECT 42 AS value")
    running.query("DELETE FROM django_migrations WHERE app = 'sessions'")
    running.query("DROP TABLE django_session")
    running.stop()
    running.start()
    kept = sorted(place.name for place in running.home.backups.iterdir())
    assert len(kept) == 5
    newest = running.home.backups / kept[-1]
    assert newest.read_bytes()[:5] == b"PGDMP"
    assert str(newest) in running.said()
    assert answers(running)
    running.query("CREATE TABLE made_later (value int)")
    running.stop()
    running.manage("restore", str(newest))
    running.start()
    assert running.query("SELECT to_regclass('made_later'), to_regclass('kept_before')::text") == [
        (None, "kept_before")
    ]
    assert running.query("SELECT value FROM kept_before") == [(42,)]


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"ISOCOST_HOST": "0.0.0.0"}, "without https anybody on the way can read passwords"),
        ({"ISOCOST_PORT": "eighty"}, "The port is 'eighty'"),
        ({"ISOCOST_URL": "example.org"}, "it must begin with https://"),
    ],
)
def test_a_wrong_address_gets_a_sentence(tmp_path: Path, environment: dict[str, str], sentence: str) -> None:
    installation = Installation(base=tmp_path)
    assert installation.spawn(**environment).wait(60) == 1
    assert sentence in installation.said()
    assert "Traceback" not in installation.said()


def _python_for_nobody() -> str:
    """Return a Python that an account without privileges can run with this environment's packages, else nothing."""
    if os.geteuid() != 0:
        return ""
    for name in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            found = subprocess.run(
                [name, "-c", "import django, redis, webapp"],
                env={"PYTHONPATH": _packages()},
                cwd=CHECKOUT,
                user="nobody",
                extra_groups=[],
                capture_output=True,
                check=False,
            )
        except OSError:
            continue
        if found.returncode == 0:
            return name
    return ""


def _packages() -> str:
    return str(Path(pytest.__file__).parent.parent)


if _python_for_nobody():  # an ordinary user's own run is the same test without this one

    def test_as_root_it_was_tried_and_an_ordinary_user_can_run_it_too() -> None:
        installation = Installation(environment={"PYTHONPATH": _packages()}, python=_python_for_nobody(), user="nobody")
        try:
            installation.start()
            pids = installation.pids
            assert {psutil.Process(pid).username() for pid in pids.values()} == {"nobody"}
            assert answers(installation)
            assert installation.stop() == 0
            eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids.values()), what="all have ended")
        finally:
            installation.remove()


def test_a_database_and_a_broker_of_ones_own_are_used(running: Installation) -> None:
    addresses = {"DATABASE_URL": running.home.database_url, "REDIS_URL": running.home.redis_url}
    other = Installation(environment=addresses)
    try:
        other.start()
        assert "postgres" not in other.pids
        assert "valkey" not in other.pids
        assert not other.home.servers.exists()
        assert answers(other)
    finally:
        other.remove()
