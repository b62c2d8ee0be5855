"""`manage.py up`: everything that one installation runs, in the foreground, until Ctrl-C."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
from django.db import OperationalError, connection, connections

from trainer.amounts import amount
from webapp.ops.database import database_prepare
from webapp.ops.first_start import first_start
from webapp.ops.fleet import Fleet, postgres_service, serve_exists, valkey_service
from webapp.ops.home import Home, HomeError
from webapp.ops.listening import Address, listen
from webapp.ops.processes import log_tail
from webapp.ops.running import HomeLock, Running, code_version, leftovers_end, running_read, running_write
from webapp.ops.static_files import static_collect
from webapp.ops.supervisor import Service, Supervisor
from webapp.teams.services import login_link_create

OLDER_STOPS_WITHIN_SECONDS = 120.0
FIRST_PAGE_WITHIN_SECONDS = 90.0
NUM_FIRST_TRIES = 3


@dataclass(kw_only=True)
class Installation:
    """One run of one home, from the lock to the last server's end."""

    home: Home
    address: Address
    say: Callable[[str], None]
    supervisor: Supervisor = field(init=False)
    sockets: list[socket.socket] = field(default_factory=list)
    port: int = 0
    ready: bool = False
    code: str = field(default_factory=code_version)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(say=self.say, on_change=self.note)

    def run(self) -> None:
        """Start everything, look after it, stop it."""
        os.umask(0o077)
        self.home.ensure()
        lock = HomeLock(self.home)
        self._take(lock)
        self.supervisor.listen_to_signals()
        try:
            self.start()
            self.supervisor.interruptible = False
            self.supervisor.run()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()
            lock.release()

    def start(self) -> None:
        """Start the servers, bring the database up to date, then web and workers."""
        if num := leftovers_end(self.home):
            self.say(f"What an earlier run that was killed had left was ended: {amount(num, 'process', 'processes')}.")
        self._start_servers()
        self.sockets, self.port = listen(self.address)
        if self.address.port not in (0, self.port):
            self.say(f"Port {self.address.port} is taken; using {self.port}.")
        _check_database()
        database_prepare(home=self.home, say=self.say)
        owner = first_start()
        fleet = Fleet(home=self.home, url=self.url, sockets=self.sockets)
        self.supervisor.add(fleet.web())
        self._wait_for_first_page()
        self._welcome(login_link_create(user=owner))
        connections.close_all()
        for service in [*fleet.workers(), *([fleet.serve()] if serve_exists() else [])]:
            self.supervisor.add(service)
        self.ready = True
        self.note()

    def stop(self) -> None:
        """Stop in order: who takes requests, who works, then the servers that they write to."""
        names = self._by_name()
        if names:
            self.say("Stopping: running jobs save their state first. Press Ctrl-C again to hurry.")
        workers = [service for name, service in names.items() if name.startswith("worker-")]
        others = [service for name, service in names.items() if name == "serve"]
        self.supervisor.stop([[service for name, service in names.items() if name == "web"], workers, others])
        leftovers_end(self.home, grace_seconds=1.0)
        self.supervisor.stop([[names[name]] for name in ("valkey", "postgres") if name in names])
        for opened in self.sockets:
            opened.close()
        (self.home.path / "up.json").unlink(missing_ok=True)
        if names:
            self.say("Stopped.")

    @property
    def url(self) -> str:
        """The address that people type."""
        return self.address.public_url(self.port)

    def note(self) -> None:
        """Write down what runs, for `make login`, `make doctor` and the next `up`."""
        running = Running(
            pid=os.getpid(),
            created=psutil.Process().create_time(),
            url=self.url,
            port=self.port,
            code=self.code,
            ready=self.ready,
            services={
                service.name: service.process.pid
                for service in self.supervisor.services
                if service.process is not None and service.is_running
            },
        )
        running_write(self.home, running)

    def _by_name(self) -> dict[str, Service]:
        return {service.name: service for service in self.supervisor.services}

    def _take(self, lock: HomeLock) -> None:
        """Take the home; an `up` of older code is asked to stop, which lets its jobs save and resume."""
        if lock.take():
            return
        running = running_read(self.home)
        if running is None or running.code == self.code:
            where = f" at {running.url} (process {running.pid})" if running else ""
            stop = f"`kill {running.pid}`" if running else "end it there"
            raise HomeError(
                f"Isocost already runs{where}. `make login` prints a login link for it; "
                f"to stop it, press Ctrl-C where it was started, or {stop}."
            )
        self.say(f"An older version runs (process {running.pid}); it is asked to stop. Its jobs save and go on here.")
        with contextlib.suppress(psutil.Error):
            if running.process:
                running.process.send_signal(signal.SIGTERM)
        if not lock.take_within(OLDER_STOPS_WITHIN_SECONDS):
            raise HomeError(
                f"The older version (process {running.pid}) does not stop. End it with `kill {running.pid}`."
            )

    def _start_servers(self) -> None:
        """Start both servers; while they start, the static files are collected."""
        waits: list[Callable[[], None]] = []
        if self.home.embedded_postgres:
            postgres, service = postgres_service(self.home)
            self.supervisor.add(service)
            waits += [postgres.wait_ready, postgres.create_database]
        if self.home.embedded_valkey:
            valkey, service = valkey_service(self.home)
            self.supervisor.add(service)
            waits += [valkey.wait_ready]
        static_collect(home=self.home)
        for wait in waits:
            wait()

    def _wait_for_first_page(self) -> None:
        web = self._by_name()["web"]
        self.supervisor.run(
            until=lambda: self._answers() or web.num_failures >= NUM_FIRST_TRIES,
            timeout_seconds=FIRST_PAGE_WITHIN_SECONDS,
        )
        if self.supervisor.num_signals:
            raise KeyboardInterrupt
        if self._answers():
            return
        log = web.log
        raise HomeError(f"The web process does not answer. The end of {log}:\n{log_tail(log)}")

    def _answers(self) -> bool:
        """Return whether the web process answers a request with anything at all."""
        if not self._by_name()["web"].is_running:
            return False
        name = str(self.sockets[0].getsockname()[0])
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # nosec B104: read from a socket, not bound
        request = http.client.HTTPConnection(host, self.port, timeout=2)
        try:
            request.request("GET", "/", headers={"Host": "localhost"})
            return request.getresponse().status > 0
        except (OSError, http.client.HTTPException):
            return False
        finally:
            request.close()

    def _welcome(self, path: str) -> None:
        self.say(f"\nIsocost runs at {self.url}")
        self.say(f"To log in, open this link within 15 minutes; it works once:\n\n    {self.url}{path}\n")
        self.say("`make login` prints another. Ctrl-C stops everything; the data stays.")


def _check_database() -> None:
    """Say in a sentence that a database of one's own cannot be reached; one that is just starting gets a few tries."""
    for attempt in range(5):
        try:
            connection.ensure_connection()
            return
        except OperationalError as error:
            reason = str(error).strip()
            if attempt < 4:
                time.sleep(0.5)
    raise HomeError(f"The database cannot be reached: {reason}. Check DATABASE_URL, and that the server runs.")
