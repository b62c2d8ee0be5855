"""Every way in which an attempt can end has an outcome, a reason code and a sentence."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from trainer.events import Failed, Finished, Stopped
from webapp.jobs.ends import Facts, end_of

NAN = Failed(code="nan", sentence="The loss became NaN.")
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("done", {"last_event": Finished(), "exit_code": 0}, "succeeded", "done"),
    ("done early", {"last_event": Finished(code="early_stopping"), "exit_code": 0}, "succeeded", "early_stopping"),
    ("done as cancelled", {"last_event": Finished(), "exit_code": 0, "stop_request": "cancel"}, "succeeded", "done"),
    ("failed", {"last_event": NAN, "exit_code": 1}, "failed", "nan"),
    ("failed as the worker left", {"last_event": NAN, "exit_code": 1, "was_leaving": True}, "failed", "nan"),
    ("stopped", {"last_event": Stopped(), "exit_code": 3, "stop_request": "stop"}, "stopped", "stopped"),
    ("cancelled", {"last_event": Stopped(), "exit_code": 3, "stop_request": "cancel"}, "cancelled", "cancelled"),
    ("cancelled by kill", {"last_event": None, "exit_code": -9, "stop_request": "cancel"}, "cancelled", "cancelled"),
    (
        "killed while saving",
        {"last_event": None, "exit_code": -9, "stop_request": "stop"},
        "stopped",
        "stopped_unsaved",
    ),
    ("worker left", {"last_event": Stopped(), "exit_code": 3, "was_leaving": True}, "released", "worker_left"),
    ("worker left, no time", {"last_event": None, "exit_code": -9, "was_leaving": True}, "released", "worker_left"),
    ("hung", {"last_event": None, "exit_code": -9, "was_hung": True}, "died", "hung"),
    ("killed", {"last_event": None, "exit_code": -signal.SIGKILL}, "died", "killed_trainer"),
    ("segfault", {"last_event": None, "exit_code": -signal.SIGSEGV}, "died", "killed_trainer"),
    ("told to stop by a stranger", {"last_event": Stopped(), "exit_code": 3}, "died", "killed_trainer"),
    ("no memory", {"last_event": None, "exit_code": -9, "out_of_memory": True}, "died", "out_of_memory_host"),
    ("no memory elsewhere", {"last_event": None, "exit_code": -11, "out_of_memory": True}, "died", "killed_trainer"),
    ("crash at the start", {"last_event": None, "exit_code": 1}, "failed", "crash"),
]


@pytest.mark.parametrize(("facts", "outcome", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_end_of(facts: dict[str, Any], outcome: str, code: str) -> None:
    end = end_of(Facts(**facts))
    assert (end.outcome, end.code) == (outcome, code)
    if outcome != "succeeded":
        assert end.sentence.endswith(".")
