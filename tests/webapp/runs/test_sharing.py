"""Several processes on the pages: the form offers them, the quote counts what each holds, the run's page shows each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.factories import Cast
from tests.webapp.runs.rows import make_spec, make_version
from tests.webapp.runs.test_kinds import Attempt
from tests.webapp.runs.test_views import form_data
from trainer import events as ev
from trainer.sections import ParallelSpec
from webapp.costs.models import LedgerEntry
from webapp.jobs.models import Worker
from webapp.runs import services
from webapp.runs.models import Run
from webapp.runs.sharing import sharing_of
from webapp.runs.spec_form import SpecForm
from webapp.runs.work import train_work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(tmp_path: Path, settings: Any) -> None:
    settings.ISOCOST_FILES = tmp_path


@pytest.fixture
def worker(db: None) -> Worker:
    hardware = {"num_threads": 2, "num_cores": 2, "memory_bytes": 2**34, "processor": "p"}
    return Worker.objects.create(name="w", host="h", queue="cpu", hardware=hardware)


@pytest.fixture
def run(cast: Cast, worker: Worker) -> Run:
    version = make_version(cast)
    return services.run_create(project=cast.project, created_by=cast.bob, version=version, spec=make_spec(version))


def shared(**changes: Any) -> ev.Shared:
    ranks = [
        ev.RankUse(rank=n, pid=n, device="cpu", num_threads=1, tokens_per_second=450.0, waiting_fraction=0.1)
        for n in (0, 1)
    ]
    told = {"tokens_per_second": 900.0, "alone_tokens_per_second": 500.0, "one_process_tokens_per_second": 600.0}
    return ev.Shared(step=10, strategy="ddp", ranks=ranks, **{**told, **changes})


def test_the_page_shows_each_process_and_what_they_saved(cast: Cast, run: Run, worker: Worker) -> None:
    attempt = Attempt(worker)
    facts = {"parallel": {"processes": 2, "strategy": "ddp"}}
    reasons = {"processes": "each takes 2 of the 4 sequences of a step in one pass"}
    attempt.say(ev.Started(pid=1, device="cpu"), ev.Resolved(machine={"device": "cpu"}, reasons=reasons, facts=facts))
    attempt.say(shared())
    run = Run.objects.get(pk=run.pk)
    found = sharing_of(run)
    assert found is not None
    assert found.efficiency == pytest.approx(0.9)
    assert found.speedup == pytest.approx(1.5)
    tokens = 10 * run.tokens_per_step
    assert found.seconds_saved == pytest.approx(tokens / 600 - tokens / 900)
    page = cast.client(cast.bob).get(run.get_absolute_url()).content.decode()
    assert 'data-figure="scaling_efficiency" data-value="0.9"' in page
    assert "2 processes with DDP" in page
    config = cast.client(cast.bob).get(f"{run.get_absolute_url()}?tab=config").content.decode()
    assert reasons["processes"] in config


def test_a_run_of_one_process_has_no_such_table(cast: Cast, run: Run) -> None:
    assert sharing_of(run) is None
    assert 'data-panel="sharing"' not in cast.client(cast.bob).get(run.get_absolute_url()).content.decode()


def test_devices_are_charged_each_and_the_processes_of_a_processor_once(run: Run, worker: Worker) -> None:
    attempt = Attempt(worker)
    facts = {"parallel": {"processes": 2, "strategy": "fsdp"}}
    attempt.say(ev.Resolved(machine={"device": "cuda:0"}, facts=facts))
    attempt.end("succeeded")
    entry = LedgerEntry.objects.filter(job=run.latest_job, kind=LedgerEntry.Kind.COMPUTE).get()
    assert entry.num_devices == 2


def test_the_form_offers_as_many_processes_as_the_worker_has_cores(cast: Cast, run: Run, worker: Worker) -> None:
    data = form_data(run, **{"parallel.processes": "2", "parallel.strategy": "fsdp"})
    form = SpecForm(data, project=cast.project, family=run_family())
    assert form.is_valid(), form.errors
    assert form.spec.parallel == ParallelSpec(processes=2, strategy="fsdp")
    assert [value for value, _ in form.fields["parallel.processes"].choices] == ["auto", "1", "2"]  # type: ignore[attr-defined]
    Worker.objects.filter(pk=worker.pk).update(hardware={"num_threads": 1})
    alone = SpecForm(data, project=cast.project, family=run_family())
    assert not [section for section in alone.sections() if section.name == "parallel"]


def run_family() -> Any:
    from trainer.families import get_family

    return get_family("gpt")


def test_each_process_that_holds_the_whole_model_counts_in_the_memory(cast: Cast) -> None:
    version = make_version(cast)
    one = make_spec(version)

    def memory(**parallel: Any) -> dict[str, float]:
        return train_work(replace(one, parallel=ParallelSpec(**parallel)), version, None).memory_by_part

    alone, whole, parts = memory(), memory(processes=2, strategy="ddp"), memory(processes=2, strategy="fsdp")
    assert whole["optimizer"] == 2 * alone["optimizer"]
    assert parts["optimizer"] == alone["optimizer"]
    assert whole["activations"] == alone["activations"]
