"""One `manage.py up` under test: its processes, its address, its database, a signed-in client, and ways to hurt it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests

from webapp.ops.home import CHECKOUT, Home
from webapp.ops.postgres import EmbeddedPostgres
from webapp.ops.running import leftovers, leftovers_end, running_read
from webapp.ops.valkey import EmbeddedValkey

SHORT_INTERVALS = {"ISOCOST_LEASE_SECONDS": "3", "ISOCOST_SWEEP_SECONDS": "1", "ISOCOST_REAP_SECONDS": "1"}
PREFIX = "isocost stack 公司 "
START_SECONDS = 180.0
STOP_SECONDS = 60.0


def eventually(
    condition: Callable[[], Any],
    *,
    timeout_seconds: float = 30.0,
    what: str | Callable[[], str] = "",
    poll_seconds: float = 0.1,
) -> Any:
    """Wait for `condition()` and return what it gives; fail with `what` when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        if found := condition():
            return found
        if time.monotonic() > deadline:
            said = what() if callable(what) else what or condition
            raise AssertionError(f"not within {timeout_seconds:g} s: {said}")
        time.sleep(poll_seconds)


class Client(requests.Session):
    """A browser without a screen: keeps cookies, knows the address, sends the CSRF token."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """Send a request to a path of the installation."""
        path = str(url)
        options.setdefault("timeout", 30)
        if str(method).upper() not in ("GET", "HEAD", "OPTIONS"):
            token = next((cookie.value for cookie in self.cookies if "csrf" in cookie.name), "") or ""
            headers = {"X-CSRFToken": token, "Referer": f"{self.url}/", "Origin": self.url}
            options["headers"] = {**headers, **(options.get("headers") or {})}
        return super().request(method, path if path.startswith("http") else f"{self.url}{path}", *args, **options)

    def sign_in(self, link: str) -> Client:
        """Open a one-time login link and press its button."""
        page = self.get(link)
        assert page.status_code == 200, page.text
        form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert form, "the page of the login link has a form"
        done = self.post(link, data={"csrfmiddlewaretoken": form[1]}, allow_redirects=False)
        assert done.status_code == 302, done.text
        return self


class Installation:
    """An installation under test. `start`, then use; `remove` ends everything, whatever state it is in."""

    def __init__(
        self,
        *,
        base: Path | None = None,
        name: str = "home",
        environment: dict[str, str] | None = None,
        python: str = sys.executable,
        user: str | None = None,
    ) -> None:
        _clear_after_killed_sessions()
        self.base = base or Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp"))
        self.base.chmod(0o711)
        self.home = Home.from_environ({"ISOCOST_HOME": str(self.base / name)})
        self.output = self.base / "up.out"
        self.extra = environment or {}
        self.python = python
        self.user = user
        if user:
            shutil.chown(self.base, user)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of `up`: nothing of this test session's own home."""
        plain = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ISOCOST_") and name not in ("DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE")
        }
        ours = {"ISOCOST_HOME": str(self.home.path), "ISOCOST_PORT": "0", "ISOCOST_DEMO": "0"}
        return plain | ours | SHORT_INTERVALS | self.extra

    def spawn(self, **extra: str) -> subprocess.Popen[bytes]:
        """Start `up` without waiting for it."""
        self.output.write_bytes(b"")
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [self.python, "manage.py", "up"],
                cwd=CHECKOUT,
                env=self.environment | extra,
                user=self.user,
                extra_groups=[] if self.user else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def start(self, **extra: str) -> Installation:
        """Start `up` and wait until all its processes run."""
        process = self.spawn(**extra)
        eventually(
            lambda: self.note().get("ready") or process.poll() is not None,
            timeout_seconds=START_SECONDS,
            what=lambda: f"up is ready; it said: {self.said()}",
        )
        assert process.poll() is None, f"up ended: {self.said()}"
        return self

    def said(self) -> str:
        """What `up` printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def note(self) -> dict[str, Any]:
        """What the `up` that we started noted down of itself; empty when it has not yet, or has stopped."""
        try:
            note: dict[str, Any] = json.loads((self.home.path / "up.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        alive = self.process is not None and self.process.poll() is None and note["pid"] == self.process.pid
        return note if alive else {}

    @property
    def url(self) -> str:
        """The address, as printed."""
        return str(self.note()["url"])

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name: postgres, valkey, web, worker-light, worker-cpu, serve."""
        return dict(self.note()["services"])

    def client(self) -> Client:
        """Return a client signed in as the owner."""
        return Client(self.url).sign_in(self.login_link())

    def login_link(self) -> str:
        """Return a new login link."""
        return self.manage("login").strip().splitlines()[-1]

    def manage(self, *arguments: str) -> str:
        """Run one of manage.py's commands on this home and return what it prints."""
        found = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert found.returncode == 0, f"manage.py {' '.join(arguments)}: {found.stdout}{found.stderr}"
        return found.stdout

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Return a connection to its database, which may just be starting again."""

        def connect() -> psycopg.Connection | None:
            try:
                return EmbeddedPostgres(home=self.home).connect()
            except psycopg.OperationalError:
                return None

        with eventually(connect, what="the database takes connections") as connection:
            yield connection

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; one that has no rows gives none."""
        with self.connection() as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def kill(self, name: str, *, number: int = signal.SIGKILL) -> int:
        """Send a signal to one process; fails when it does not run, since then the test would prove nothing."""
        pid = self.pids[name]
        assert psutil.Process(pid).is_running(), f"{name} must run when it is killed"
        os.kill(pid, number)
        return pid

    def wait_healed(self, name: str, old_pid: int, *, timeout_seconds: float = 60.0) -> int:
        """Wait until a killed process runs again, and return its new id."""

        def new_pid() -> int | None:
            pid = self.note().get("services", {}).get(name)
            return pid if pid and pid != old_pid and psutil.pid_exists(pid) else None

        return int(eventually(new_pid, timeout_seconds=timeout_seconds, what=f"{name} runs again; {self.said()}"))

    def kill_everything(self) -> None:
        """SIGKILL `up` and every process of it at once, as a power cut would."""
        victims = self.members()
        assert victims, "something must run when it is killed"
        for victim in victims:
            victim.kill()
        if self.process:
            self.process.wait()
        eventually(lambda: not self.members(), what="all are gone")

    def members(self) -> list[psutil.Process]:
        """Return every living process of the installation: `up`, its services, theirs, and the servers'."""
        found = {process.pid: process for process in leftovers(self.home)}
        if self.process is not None and self.process.poll() is None:
            found[self.process.pid] = psutil.Process(self.process.pid)
        postgres, valkey = EmbeddedPostgres(home=self.home), EmbeddedValkey(home=self.home)
        for folder in (postgres.data, valkey.data):
            for process in psutil.process_iter():
                try:
                    if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                        found[process.pid] = process
                except (psutil.Error, OSError):
                    continue
        return list(found.values())

    def stop(self, *, number: int = signal.SIGINT) -> int:
        """Ask `up` to stop, as Ctrl-C does, and return its exit status."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        return self.process.wait(STOP_SECONDS)

    def remove(self) -> None:
        """End everything and delete the home."""
        if self.process is not None and self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self.stop()
        for member in self.members():
            member.kill()
        shutil.rmtree(self.base, ignore_errors=True)
        shutil.rmtree(self.home.run, ignore_errors=True)


def _clear_after_killed_sessions() -> None:
    """End and remove installations whose test session was killed: nobody else will."""
    for base in Path("/tmp").glob(f"{PREFIX}*-*"):
        owner = base.name.removeprefix(PREFIX).partition("-")[0]
        if not owner.isdigit() or psutil.pid_exists(int(owner)) or base.stat().st_uid != os.geteuid():
            continue
        for folder in base.rglob("up.lock"):
            home = Home.from_environ({"ISOCOST_HOME": str(folder.parent)})
            if (running := running_read(home)) and (process := running.process):
                process.kill()
            leftovers_end(home, grace_seconds=1)
            EmbeddedPostgres(home=home).end_leftovers(grace_seconds=1)
            EmbeddedValkey(home=home).end_leftovers()
            shutil.rmtree(home.run, ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)
