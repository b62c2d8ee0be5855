"""Looking at a sweep from outside: made by its form, its rows by SQL, and its runs held where they stand."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from tests.stack.installation import Client, Installation, eventually
from tests.stack.jobs_watch import JobUnderTest, inside

WAIT_SECONDS = 120.0
FINAL = ("succeeded", "stopped", "failed", "cancelled")


@dataclass(frozen=True)
class SweepUnderTest:
    """One sweep and its trials, as the database and the machine show them."""

    stack: Installation
    code: str

    @classmethod
    def start(cls, stack: Installation, owner: Client, settings: dict[str, str], **answers: Any) -> SweepUnderTest:
        """Send the form of a sweep around a short run."""
        made = inside(stack, "make_run(num_steps=5, every_steps=5)")
        version, project = stack.query(
            "SELECT r.dataset_version_id, p.code FROM runs_run r JOIN projects_project p ON p.id = r.project_id"
            " WHERE r.code = %s",
            made["run"],
        )[0]
        usual = {"budget": 1, "budget_kind": "hours", "num_at_once": 1, "method": "grid", "max_trials": 20, "seed": 1}
        form = {**usual, **answers, "version": version, "base": f"run:{made['run']}"}
        for number, (name, values) in enumerate(settings.items()):
            form |= {f"name-{number}": name, f"values-{number}": values}
        sent = owner.post(f"/projects/{project}/sweeps/new/", data=form, allow_redirects=False)
        assert sent.status_code == 302, re.findall(r'class="[^"]*error[^"]*"[^>]*>([^<]+)', sent.text)
        return cls(stack, sent.headers["Location"].rstrip("/").rsplit("/", 1)[1])

    def trials(self, *columns: str) -> list[tuple[Any, ...]]:
        """Return columns of the trials `t` and of their runs' jobs `j`, in order."""
        return self.stack.query(
            f"SELECT {', '.join(columns)} FROM sweeps_trial t JOIN sweeps_sweep s ON s.id = t.sweep_id"
            " JOIN runs_run r ON r.id = t.run_id JOIN jobs_job j ON j.id = r.latest_job_id"
            " WHERE s.code = %s ORDER BY t.number",
            self.code,
        )

    def describe(self) -> str:
        return str(self.trials("t.number", "t.value", "t.stopped_at_step", "j.state"))

    def wait_until_done(self) -> str:
        """Wait until nothing more is made and nothing runs; return the sentence that says why."""
        statement = "SELECT problem FROM sweeps_sweep WHERE code = %s AND state = 'done'"

        def is_done() -> list[tuple[Any, ...]]:
            is_over = all(state in FINAL for (state,) in self.trials("j.state"))
            return self.stack.query(statement, self.code) if is_over else []

        return str(eventually(is_done, timeout_seconds=WAIT_SECONDS, what=self.describe)[0][0])

    @contextlib.contextmanager
    def held(self, number: int, *, once: Callable[[JobUnderTest], object]) -> Iterator[JobUnderTest]:
        """Wait until a run of the sweep is so far, freeze its trainer where it stands, and thaw it at the end.

        A run that a test acts upon cannot end before. One that is over already is given as it is.
        """

        def freeze() -> tuple[JobUnderTest, psutil.Process | None] | None:
            for code in [code for found, code in self.trials("t.number", "j.code") if found == number]:
                job = JobUnderTest(stack=self.stack, code=code, folder=str(self.stack.home.path / "files/jobs" / code))
                if once(job) and (trainers := job.trainers()):
                    trainers[0].suspend()
                    return job, trainers[0]
                if job.is_final:
                    return job, None
            return None

        job, trainer = eventually(freeze, timeout_seconds=WAIT_SECONDS, poll_seconds=0.01, what=self.describe)
        try:
            yield job
        finally:
            if trainer is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    trainer.resume()
