"""From a training to a kept model that was measured and looked into: every job is done by the real trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum

from tests.factories import Cast
from tests.trainer.conftest import make_documents, run_job, write_version
from tests.webapp.registry.test_services import files  # noqa: F401
from tests.webapp.runs.rows import make_version
from trainer.data.manifest import read_manifest
from trainer.models.bert.spec import BertSpec
from trainer.models.gpt.spec import GPTSpec
from trainer.sections import (
    BatchSpec,
    CheckpointSpec,
    DataSpec,
    EvaluationSpec,
    MachineSpec,
    OptimizerSpec,
    ScheduleSpec,
)
from trainer.spec import TrainSpec
from webapp.costs.models import LedgerEntry
from webapp.datasets.models import DatasetVersion
from webapp.jobs.claim import job_claim
from webapp.jobs.ends import End
from webapp.jobs.finish import attempt_finish
from webapp.jobs.journal import journal_store
from webapp.jobs.models import Job, Worker
from webapp.registry.card import card_of
from webapp.registry.comparison import compare
from webapp.registry.evaluations import evaluation_start, suite_create
from webapp.registry.inspections import inspection_start
from webapp.registry.models import ModelVersion
from webapp.registry.queries import best_checkpoint
from webapp.registry.services import model_version_create
from webapp.runs.models import Run
from webapp.runs.services import run_create
from webapp.ui.templatetags.figures import figure, usd

pytestmark = pytest.mark.django_db


def do_next_job(worker: Worker) -> Job:
    """Play the supervisor of the next job in the queue, with the real trainer in this process."""
    claim = job_claim(worker=worker)
    assert claim is not None
    job = Job.objects.get(pk=claim.job_id)
    events = run_job(job.folder.path, job.spec, fence=claim.fence)
    journal_store(claim, events)
    last = events[-1]
    assert type(last).__name__ == "Finished", last
    attempt_finish(claim, End(outcome="succeeded", code="done", sentence=""))
    job.refresh_from_db()
    return job


def real_version(cast: Cast, folder: Path) -> DatasetVersion:
    path = write_version(folder / "versions" / "real", make_documents(300))
    manifest = read_manifest(path)
    return make_version(
        cast, stored_path="versions/real", content_hash=manifest.content_hash, vocab_size=manifest.vocab_size
    )


GPT_MODEL = GPTSpec(num_layers=2, model_width=32, num_heads=2, context_length=32)
BERT_MODEL = BertSpec(num_layers=1, model_width=32, num_heads=2, context_length=32)


def trained(cast: Cast, worker: Worker, data: DatasetVersion, *, num_steps: int, model: Any = GPT_MODEL) -> Run:
    spec = TrainSpec(
        family="bert" if isinstance(model, BertSpec) else "gpt",
        model=model,
        data=DataSpec(path=str(data.path)),
        batch=BatchSpec(sequence_length=16, sequences_per_step=8),
        optimizer=OptimizerSpec(learning_rate=3e-3),
        schedule=ScheduleSpec(num_steps=num_steps, warmup_steps=3),
        evaluation=EvaluationSpec(every_steps=num_steps, sample_tokens=0),
        checkpoint=CheckpointSpec(every_steps=num_steps),
        machine=MachineSpec(device="cpu", dtype="float32", compile="off", num_threads=1),
    )
    run = run_create(project=cast.project, created_by=cast.bob, version=data, spec=spec)
    do_next_job(worker)
    run.refresh_from_db()
    return run


def kept(cast: Cast, run: Run) -> ModelVersion:
    checkpoint = best_checkpoint(run)
    assert checkpoint is not None
    return model_version_create(checkpoint=checkpoint, name="helper", created_by=cast.bob)


def test_a_model_goes_the_whole_way(cast: Cast, files: Path) -> None:  # noqa: F811
    worker = Worker.objects.create(name="w", host="h", queue="cpu")
    data = real_version(cast, files)
    weak = kept(cast, trained(cast, worker, data, num_steps=2))
    strong = kept(cast, trained(cast, worker, data, num_steps=60))
    assert strong.lineage["code"]["trainer"]
    assert strong.lineage["seed"] == 1
    assert strong.lineage["data"]["content_hash"] == data.content_hash

    suite = suite_create(
        project=cast.project, name="Held out", data_version=data, splits=["test"], metric="bits_per_byte",
        created_by=cast.bob,
    )  # fmt: skip
    for version in (weak, strong):
        job = evaluation_start(version=version, suite=suite, created_by=cast.bob)
        assert evaluation_start(version=version, suite=suite, created_by=cast.bob) == job  # asked twice, done once
        do_next_job(worker)
    result = strong.results.get(suite=suite)
    assert result.metrics["loss"] == pytest.approx(strong.run.test_metrics["loss"], rel=1e-5)

    found = compare(weak, strong)
    assert [(same.data, same.split) for same in found.same] == [(data, "test")]
    line = next(line for line in found.same[0].lines if line.name == "bits_per_byte")
    assert line.test is not None
    assert line.test.first == pytest.approx(weak.results.get(suite=suite).metrics["bits_per_byte"], rel=1e-4)
    assert line.test.low < line.test.difference < line.test.high < 0
    assert line.verdict == "better"
    alike = compare(strong, strong).same[0].lines[0]
    assert alike.verdict in ("unclear", "")

    inspection = inspection_start(
        version=strong, what="overlap", created_by=cast.bob, num_passages=2, num_tokens=24, ngram=6
    )
    do_next_job(worker)
    inspection.refresh_from_db()
    page = cast.client(cast.vera).get(inspection.get_absolute_url()).content.decode()
    assert f'data-value="{inspection.report["rate"]}"' in page
    assert "unseen text" in page

    spent = LedgerEntry.objects.filter(
        job__in=[strong.run.latest_job, strong.evaluation_jobs.get().job, inspection.job]
    ).aggregate(usd=Sum("effective_usd"))["usd"]
    assert spent > 0
    rows: dict[str, Any] = {section.name: {row.label: row.value for row in section.rows} for section in card_of(strong)}
    assert rows["cost"]["In all"] == usd(spent)
    assert rows["metrics"][f"bits per byte · {data}, test"] == figure(result.metrics["bits_per_byte"])
    limits = next(section for section in card_of(strong) if section.name == "known_limits").sentences
    assert any("word for word" in sentence for sentence in limits)


def test_classifiers_are_compared_in_f1_and_auroc(cast: Cast, files: Path) -> None:  # noqa: F811
    worker = Worker.objects.create(name="w", host="h", queue="cpu")
    data = real_version(cast, files)
    weak, strong = (kept(cast, trained(cast, worker, data, num_steps=steps, model=BERT_MODEL)) for steps in (1, 60))
    lines = {line.name: line for line in compare(weak, strong).same[0].lines}  # of the runs' own tests
    assert lines["loss"].test is None
    assert lines["auroc"].test is not None
    assert (lines["accuracy"].verdict, lines["macro_f1"].verdict) == ("better", "better")
    suite = suite_create(
        project=cast.project, name="Held out", data_version=data, splits=["test"], metric="macro_f1",
        created_by=cast.bob,
    )  # fmt: skip
    for version in (weak, strong):
        evaluation_start(version=version, suite=suite, created_by=cast.bob)
        do_next_job(worker)
    lines = {line.name: line for line in compare(weak, strong).same[0].lines}
    assert lines["loss"].test is not None  # a suite measures unit by unit, too
    assert lines["macro_f1"].test is not None
    assert lines["macro_f1"].test.second == pytest.approx(strong.results.get(suite=suite).metrics["macro_f1"])


def test_the_card_tells_what_the_split_holds(cast: Cast, files: Path) -> None:  # noqa: F811
    """The counts have the names that the preparation's service writes."""
    from webapp.datasets.services.versions import _splits

    worker = Worker.objects.create(name="w", host="h", queue="cpu")
    data = real_version(cast, files)
    manifest = read_manifest(data.path)
    DatasetVersion.objects.filter(pk=data.pk).update(splits=_splits(manifest))
    version = kept(cast, trained(cast, worker, DatasetVersion.objects.get(pk=data.pk), num_steps=2))
    rows = {section.name: {row.label: row.value for row in section.rows} for section in card_of(version)}
    assert rows["data"]["Tokens to learn from"] == f"{manifest.splits['train'].num_tokens:,}"
    assert "epochs" in rows["data"]["Tokens seen"]
