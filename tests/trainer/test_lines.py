"""The log of a healthy run tells its main moments in plain lines."""

from __future__ import annotations

import logging

import pytest

from trainer import events as e
from trainer.lines import EventLog


def test_the_main_moments_of_a_run_are_in_its_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    told = EventLog(logging.getLogger("trainer"))
    hardware = {"processor": "Some CPU", "num_cores": 2, "memory_bytes": 8 * 2**30}
    machine = {"device": "cpu", "dtype": "float32", "compile": "off", "num_threads": 2}
    for event in (
        e.Started(pid=1, device="cpu", hardware=hardware, versions={"torch": "2.13.0"}),
        e.Resolved(
            machine=machine,
            reasons={"compile": "off: there is no C++ compiler on this machine."},
            facts={"num_parameters": 529_056, "tokens_per_step": 4096, "parameters_by_part": {"head": 1}},
        ),
        e.Metrics(steps=[1], values={"train/loss": [7.6]}),
        e.Metrics(steps=[10], values={"validation/loss": [5.9]}),
        e.Checkpoint(step=10, path="attempts/1/checkpoints/10", sha256="", size_bytes=6_000_000),
        e.Evaluation(split="test", step=10, metrics={"loss": 5.5}),
        e.Finished(result={"step": 10, "seconds": 12.5, "validation": {"loss": 5.9}}),
    ):
        told(event)
    text = caplog.text
    for line in (
        "started on cpu; torch 2.13.0",
        "Some CPU, 2 cores, 8.0 GiB",
        "machine: dtype float32",
        "machine: compile off (off: there is no C++ compiler on this machine)",
        "num_parameters 529,056, tokens_per_step 4096",
        "step 1: train/loss 7.6",
        "step 10: validation/loss 5.9",
        "checkpoint of step 10: attempts/1/checkpoints/10, 6,000,000 bytes",
        "test: loss 5.5",
        "finished, step 10, seconds 12.5",
    ):
        assert line in text
