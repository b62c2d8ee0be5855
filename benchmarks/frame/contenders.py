"""Those who are compared: a function in this process, or a process of its own in our environment or in the peers'."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"

Answer = tuple[float, dict[str, Any]]
"""A value and further facts of a round."""


class NotHere(Exception):
    """A contender cannot run on this machine; the sentence says why."""


@dataclass(frozen=True, kw_only=True)
class Here:
    """A function of this process; it returns the value of one round."""

    name: str
    work: Callable[[], float]

    @contextmanager
    def started(self) -> Iterator[Callable[[], Answer]]:
        yield lambda: (self.work(), {})


@dataclass(frozen=True, kw_only=True)
class Child:
    """A module that calls `benchmarks.frame.child.serve`; it idles while the others have their turn."""

    name: str
    module: str
    arguments: dict[str, Any] = field(default_factory=dict)
    is_peer: bool = False
    """Runs in the environment that `make bench-setup` made."""
    target: float | None = None
    against: tuple[str, ...] = ()
    """Its own, where they are not those of the bench."""

    @contextmanager
    def started(self) -> Iterator[Callable[[], Answer]]:
        python = PEERS_PYTHON if self.is_peer else Path(sys.executable)
        if not python.exists():
            raise NotHere("the peers' environment is missing; make it with: make bench-setup")
        process = subprocess.Popen(
            [python, "-m", self.module, json.dumps(self.arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        writing, reading = process.stdin, process.stdout

        def one_round() -> Answer:
            print("go", file=writing, flush=True)
            facts = heard(reading.readline(), process)
            return facts.pop("value"), facts

        try:
            heard(reading.readline(), process)
            yield one_round
        finally:
            writing.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


Contender = Here | Child


def heard(line: str, process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a child said; raise `NotHere` where it ended instead."""
    if not line:
        raise NotHere(f"its process ended with code {process.wait()}; what it said stands above")
    said: dict[str, Any] = json.loads(line)
    return said
