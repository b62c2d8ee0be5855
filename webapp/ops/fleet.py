"""The processes of one installation: which they are, how each is started, and in which order they stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from webapp.ops.accelerators import accelerators
from webapp.ops.home import CHECKOUT, Home
from webapp.ops.postgres import EmbeddedPostgres
from webapp.ops.processes import process_start
from webapp.ops.running import MARK
from webapp.ops.supervisor import Service
from webapp.ops.valkey import EmbeddedValkey

WORKER_GRACE_SECONDS = 65.0
"""A worker's trainers get 60 s to write a checkpoint, and then the worker frees its leases."""
NUM_LIGHT_THREADS = 4


@dataclass(kw_only=True)
class Fleet:
    """Makes the services; knows the environment that they share."""

    home: Home
    url: str
    sockets: Sequence[socket.socket]

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a process of ours."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
            "ISOCOST_HOME": str(self.home.path),
            "ISOCOST_URL": self.url,
            "ISOCOST_NUM_ACCELERATORS": str(len(accelerators())),
            "PYTHONUNBUFFERED": "1",
            MARK: str(self.home.path),
            **(extra or {}),
        }

    def web(self) -> Service:
        """The web process."""
        descriptors = [opened.fileno() for opened in self.sockets]
        return self._python(
            "web",
            "webapp.ops.web",
            *map(str, descriptors),
            extra={"ISOCOST_DATABASE_POOL": "1"},
            descriptors=descriptors,
            grace_seconds=10,
        )

    def workers(self) -> list[Service]:
        """One worker a queue, and for GPUs one a device."""
        num_cpu_jobs = os.environ.get("ISOCOST_CPU_JOBS", "") or str(max(1, (os.cpu_count() or 1) // 4))
        found = [
            self._worker("light", queue="light", num_threads=str(NUM_LIGHT_THREADS)),
            self._worker("cpu", queue="cpu", num_threads=num_cpu_jobs),
        ]
        for index, variables in enumerate(accelerators()):
            found.append(self._worker(f"gpu{index}", queue="gpu", num_threads="1", extra=variables))
        return found

    def serve(self) -> Service:
        """The process that holds models in memory and answers the playground."""
        return self._python("serve", "trainer", "serve", "--socket", str(self.home.serve_socket), grace_seconds=10)

    def _worker(self, name: str, *, queue: str, num_threads: str, extra: Mapping[str, str] | None = None) -> Service:
        options = [
            *("-A", "webapp.celery", "worker", "--pool=threads", f"--concurrency={num_threads}"),
            *(f"--queues={queue}", f"--hostname={name}@%h", "--loglevel=INFO"),
            *("--without-gossip", "--without-mingle"),
        ]
        return self._python(f"worker-{name}", "celery", *options, extra=extra, grace_seconds=WORKER_GRACE_SECONDS)

    def _python(
        self,
        name: str,
        module: str,
        *arguments: str,
        grace_seconds: float,
        extra: Mapping[str, str] | None = None,
        descriptors: Sequence[int] = (),
    ) -> Service:
        log = self.home.logs / f"{name}.log"

        def spawn() -> subprocess.Popen[bytes]:
            return process_start(
                [sys.executable, "-m", module, *arguments],
                log=log,
                env=self.environment({"ISOCOST_PROCESS": name, **(extra or {})}),
                cwd=CHECKOUT,
                descriptors=descriptors,
            )

        return Service(name=name, spawn=spawn, log=log, grace_seconds=grace_seconds)


def postgres_service(home: Home) -> tuple[EmbeddedPostgres, Service]:
    """Return the embedded PostgreSQL and the service that keeps it running."""
    server = EmbeddedPostgres(home=home)
    return server, Service(
        name="postgres",
        spawn=server.spawn,
        prepare=server.prepare,
        log=server.log,
        stop_signal=signal.SIGINT,  # ends sessions and writes everything out, where SIGTERM would wait for clients
        grace_seconds=30,
    )


def valkey_service(home: Home) -> tuple[EmbeddedValkey, Service]:
    """Return the embedded Valkey and the service that keeps it running."""
    server = EmbeddedValkey(home=home)
    return server, Service(name="valkey", spawn=server.spawn, prepare=server.prepare, log=server.log)


def serve_exists() -> bool:
    """Return whether this version of the trainer can serve models."""
    return any(Path(CHECKOUT / "trainer").glob("**/serve*.py"))
