"""A server from its start to its first page, on a home that was used before; and what all its processes hold when idle.

Memory is the proportional set size: pages that processes share are counted once. The peers serve an empty store.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.frame.compare import Here, compare, options
from benchmarks.frame.contenders import PEERS_PYTHON, ROOT
from tests.stack.installation import Installation

MOST_SECONDS = 180.0
AIM_SECONDS, AIM_MEGABYTES = 10.0, 700.0


class Server:
    """A program that serves pages at a port. `start` returns the seconds until one came."""

    def __init__(self, *command: str, folder: Path, port: int, path: str = "/", **environment: str) -> None:
        self.command, self.folder, self.url = command, folder, f"http://127.0.0.1:{port}{path}"
        self.environment = os.environ | environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        began = time.perf_counter()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        while not answers(self.url):
            if self.process.poll() is not None or time.perf_counter() - began > MOST_SECONDS:
                raise RuntimeError(f"{self.command[0]} does not serve; see {self.folder}/server.log")
            time.sleep(0.02)
        return time.perf_counter() - began

    def processes(self) -> list[psutil.Process]:
        assert self.process is not None
        mother = psutil.Process(self.process.pid)
        return [mother, *mother.children(recursive=True)]

    def stop(self) -> None:
        assert self.process is not None
        family = self.processes() if self.process.poll() is None else []
        if not family:
            return
        os.killpg(self.process.pid, signal.SIGINT)
        psutil.wait_procs(family, timeout=60)
        for left in family:
            if left.is_running():
                left.kill()
        self.process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def servers(base: Path) -> dict[str, Server]:
    """Return ours and the peers that are installed, each with a folder that a first start has filled."""
    port = free_port()
    home = Installation(base=made(base / "isocost"))
    ours = home.environment | {"ISOCOST_PORT": str(port), "ISOCOST_LEASE_SECONDS": "60", "ISOCOST_SWEEP_SECONDS": "15"}
    found = {
        "isocost": Server(
            home.python, "manage.py", "up", folder=home.base, port=port, path="/accounts/login/", **ours,
        )
    }  # fmt: skip
    if PEERS_PYTHON.exists():
        port, folder = free_port(), made(base / "mlflow")
        store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder)]
        command = [str(PEERS_PYTHON), "-m", "mlflow", "server", "--port", str(port), *store]
        found["MLflow"] = Server(*command, folder=folder, port=port, MLFLOW_DISABLE_TELEMETRY="true")
        port, folder = free_port(), made(base / "aim")
        aim, repo = str(PEERS_PYTHON.with_name("aim")), str(folder)
        subprocess.run([aim, "init", "--repo", repo], check=True, capture_output=True)
        found["Aim"] = Server(aim, "up", "--repo", repo, "--port", str(port), folder=folder, port=port)
    return found


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def is_warm(name: str, server: Server) -> bool:
    """Start and stop it once, which fills its folder; a peer that does not serve here is passed over with a sentence."""
    try:
        server.start()
    except RuntimeError as error:
        if name == "isocost":
            raise
        print(f"{name} is passed over: {error}", file=sys.stderr)
        return False
    finally:
        server.stop()
    return True


def seconds_to_first_page(server: Server) -> Callable[[], float]:
    def one_round() -> float:
        seconds = server.start()
        server.stop()
        return seconds

    return one_round


def idle_megabytes(server: Server, seconds: float) -> Callable[[], float]:
    def one_round() -> float:
        server.start()
        time.sleep(seconds)
        held = sum(process.memory_full_info().pss for process in server.processes())
        server.stop()
        return held / 1e6

    return one_round


def main() -> None:
    chosen = options(__doc__, idle=(30.0, "seconds before memory is looked at"))
    base = Path(tempfile.mkdtemp(prefix="isocost-bench-servers-", dir="/tmp"))
    base.chmod(0o711)
    try:
        found = {name: server for name, server in servers(base).items() if is_warm(name, server)}
        peers = [name for name in found if name != "isocost"]
        shared = {"peers": peers, "is_recorded": not chosen.dry}
        compare(
            "server_start",
            f"to the first page (to reach: under {AIM_SECONDS:.0f} s)",
            [Here(name=name, work=seconds_to_first_page(server)) for name, server in found.items()],
            unit="s",
            rounds=chosen.rounds,
            **shared,
        )
        compare(
            "idle_memory",
            f"all processes after {chosen.idle:g} s (to reach: under {AIM_MEGABYTES:.0f} MB)",
            [Here(name=name, work=idle_megabytes(server, chosen.idle)) for name, server in found.items()],
            unit="MB",
            rounds=1,
            **shared,
        )
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
