"""What the apps above tell the ledger: rungs of ladders, answers of the playground, bytes on disk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import Cast, make_checkpoint, make_run
from tests.webapp.costs.rows import charge, make_attempt, make_machine
from webapp.costs.lineage import true_cost
from webapp.costs.models import LedgerEntry
from webapp.costs.outcomes import spend_by_outcome
from webapp.costs.queries import ledger_of
from webapp.costs.serving import serving_charge
from webapp.costs.storage import project_bytes
from webapp.datasets.models import SourceFile
from webapp.ladders.models import Ladder, LadderPoint
from webapp.serving.models import Generation


def test_a_rung_is_the_ladders_cost_and_part_of_what_the_model_cost(cast: Cast) -> None:
    make_machine("1")
    rung = make_run(cast, "rung")
    ladder = Ladder.objects.create(project=cast.project, name="First", dataset_version=rung.dataset_version)
    LadderPoint.objects.create(ladder=ladder, role="trunk", position=1, run=rung, num_params=1e6, num_tokens=1e6)
    assert charge(make_attempt(cast, hours=3, job=rung.latest_job)).purpose == "ladder"
    final = make_run(cast, "final")
    final.dataset_version = rung.dataset_version
    final.save()
    charge(make_attempt(cast, hours=5, job=final.latest_job))
    assert {each.name: float(each.usd) for each in spend_by_outcome(ledger_of()) if each.usd} == pytest.approx(
        {"ladder": 3, "useful": 5}
    )
    assert [(step.title, float(step.usd)) for step in true_cost(final).steps] == [
        ("Ladder", pytest.approx(3)), ("This run", pytest.approx(5)),
    ]  # fmt: skip


def test_answers_of_a_day_are_a_line_by_model(cast: Cast) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    make_machine("36")
    worker = make_attempt(cast, hours=0.1).worker
    assert worker.stopped_at is None
    checkpoint = make_checkpoint(cast)
    for seconds in (40.0, 60.0):
        Generation.objects.create(
            project=cast.project, checkpoint=checkpoint, checkpoint_sha256=checkpoint.sha256, model_label="GPT 1 M",
            num_tokens=50, seconds=seconds, created_at=yesterday,
        )  # fmt: skip
    assert serving_charge() == 1
    assert serving_charge() == 0
    entry = LedgerEntry.objects.get(kind="serving")
    assert (float(entry.effective_usd), entry.quantity) == (pytest.approx(1.0), 100)


def test_files_and_checkpoints_that_are_there_are_counted(cast: Cast) -> None:
    gone = make_checkpoint(cast, size_bytes=7)
    gone.removed_at = timezone.now()
    gone.save()
    kept = make_checkpoint(cast, size_bytes=11)
    dataset = kept.run.dataset_version.dataset
    values = {"dataset": dataset, "name": "a", "size_bytes": 5}
    SourceFile.objects.create(**values, sha256="0" * 64, stored_path="sources/a")
    SourceFile.objects.create(**values, sha256="1" * 64, stored_path="/srv/not-ours")
    found = project_bytes(cast.project)
    assert found["checkpoints"] == 11
    assert found["uploaded files"] == 5
