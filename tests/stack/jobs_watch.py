"""Looking at jobs of an installation from outside: rows by SQL, processes by /proc, events by a websocket that reconnects."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.stack.installation import Client, Installation, eventually


def inside(stack: Installation, call: str) -> Any:
    """Call a function of jobs_seed inside the installation and return its answer."""
    name = call.partition("(")[0]
    said = stack.manage("shell", "-v", "0", "-c", f"from tests.stack.jobs_seed import tell, {name}; tell({call})")
    return json.loads(said.rpartition("@@")[2])


@dataclass
class JobUnderTest:
    """One job, as the database and the machine show it."""

    stack: Installation
    code: str
    folder: str = ""
    run: str = ""

    def row(self, *columns: str) -> Any:
        """Return columns of the job's row; a database that is away just now is asked again."""
        rows = self.rows(f"SELECT {', '.join(columns)} FROM jobs_job WHERE code = %s", self.code)
        return rows[0][0] if len(columns) == 1 else rows[0]

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        deadline = time.monotonic() + 40
        while True:
            try:
                return self.stack.query(statement, *values)
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    @property
    def state(self) -> str:
        return str(self.row("state"))

    @property
    def step(self) -> float:
        return float(self.row("coalesce(progress_done, 0)"))

    def events(self, *types: str) -> list[tuple[int, int, str, dict[str, Any]]]:
        """Return (seq, fence, type, payload) of the job's events, of some types or all."""
        found = self.rows(
            "SELECT e.seq, e.fence, e.type, e.payload FROM jobs_jobevent e JOIN jobs_job j ON j.id = e.job_id"
            " WHERE j.code = %s ORDER BY e.seq",
            self.code,
        )
        return [row for row in found if not types or row[2] in types]  # type: ignore[misc]

    def attempts(self) -> list[tuple[int, str, str, str]]:
        """Return (fence, outcome, reason_code, log_tail) of its attempts."""
        return self.rows(  # type: ignore[return-value]
            "SELECT a.fence, a.outcome, a.reason_code, a.log_tail FROM jobs_attempt a"
            " JOIN jobs_job j ON j.id = a.job_id WHERE j.code = %s ORDER BY a.fence",
            self.code,
        )

    def trainers(self) -> list[psutil.Process]:
        """Return the living trainer processes of this job."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if "trainer" in words and self.folder in words and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def wait_for_step(self, step: float, *, timeout_seconds: float = 60) -> None:
        eventually(
            lambda: self.step >= step or self.is_final,
            timeout_seconds=timeout_seconds,
            what=f"step {step} of {self.code}: {self.describe()}",
        )
        assert not self.is_final, f"it was over before: {self.describe()}"

    def wait_for_end(self, *, timeout_seconds: float = 120) -> str:
        eventually(
            lambda: self.is_final, timeout_seconds=timeout_seconds, what=f"the end of {self.code}: {self.describe()}"
        )
        return self.state

    def wait_until_told(self) -> None:
        """Wait until the lease was renewed twice, or ended: whatever was asked of the job before, its trainer is told."""
        seen: set[Any] = set()

        def is_told() -> bool:
            lease = self.rows(
                "SELECT l.renewed_at FROM jobs_lease l JOIN jobs_job j ON j.id = l.job_id WHERE j.code = %s", self.code
            )
            seen.update(lease)
            return not lease or len(seen) > 2

        eventually(is_told, what=f"two renewals of the lease of {self.code}")

    @property
    def is_final(self) -> bool:
        return self.state in ("succeeded", "stopped", "failed", "cancelled")

    def describe(self) -> str:
        return f"{self.row('state', 'reason_code', 'reason', 'fence', 'progress_done')} {self.attempts()}"

    def locks(self) -> list[tuple[Any, ...]]:
        """Who is in a transaction, since when, doing what: what holds up a job that should have moved."""
        return self.stack.query(
            "SELECT pid, state, wait_event, clock_timestamp() - xact_start, clock_timestamp() - state_change,"
            " pg_blocking_pids(pid), left(query, 200) FROM pg_stat_activity WHERE xact_start IS NOT NULL"
        )


def start_run(stack: Installation, **options: Any) -> JobUnderTest:
    """Put a run in the queue and return its job."""
    words = ", ".join(f"{name}={value!r}" for name, value in options.items())
    made = inside(stack, f"make_run({words})")
    return JobUnderTest(stack=stack, code=made["job"], folder=made["folder"], run=made["run"])


def assert_history_is_whole(job: JobUnderTest) -> None:
    """No number is missing, no attempt wrote after the next one began, and each went on from a checkpoint told before."""
    events = job.events()
    assert [event[0] for event in events] == list(range(1, len(events) + 1)), "numbers without gaps"
    fences = [event[1] for event in events]
    assert fences == sorted(fences), "an attempt wrote after it was taken off the job"
    assert len([event for event in events if event[2] == "ended"]) == 1, "a job ends once"
    kept: list[int] = []
    for _seq, _fence, kind, payload in events:
        if kind == "checkpoint":
            kept.append(payload["step"])
        if kind == "started" and payload.get("resumed_from_step") is not None:
            assert payload["resumed_from_step"] == max(kept), "went on from its latest checkpoint"


@dataclass
class Viewer:
    """A page that stays open: reconnects after every loss and asks for what comes after the last number it saw."""

    client: Client
    job: JobUnderTest
    seqs: list[int] = field(default_factory=list)
    num_connections: int = 0
    is_over: bool = False

    def watch(self) -> threading.Thread:
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        return thread

    def _watch(self) -> None:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.client.cookies)
        while not self.is_over:
            after = self.seqs[-1] if self.seqs else 0
            address = f"{self.client.url.replace('http', 'ws', 1)}/ws/jobs/{self.job.code}/?after={after}"
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                headers = {"Cookie": cookies}
                with connect(address, origin=self.client.url, additional_headers=headers, max_size=None) as socket:  # type: ignore[arg-type]
                    self.num_connections += 1
                    for text in socket:
                        self._take(json.loads(text))
            time.sleep(0.2)

    def _take(self, news: dict[str, Any]) -> None:
        self.seqs += [event["seq"] for event in news["events"]]
        if news["job"]["is_final"] and self.seqs and self.seqs[-1] >= news["job"]["last_seq"]:
            self.is_over = True
