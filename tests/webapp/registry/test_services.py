"""What people do to kept models: keep, move, name, delete; and what keeps a checkpoint from going."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import ProgrammingError, transaction
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.runs.rows import make_run, make_version
from webapp.costs.models import LedgerEntry
from webapp.registry import services
from webapp.registry.card import card_markdown, card_of
from webapp.registry.errors import RegistryError
from webapp.registry.lineage import cost_to_make
from webapp.registry.models import ModelVersion, StageMove
from webapp.registry.pareto import front_chart, ranking
from webapp.registry.queries import version_checkpoint, version_named
from webapp.runs import checkpoints
from webapp.runs.models import Checkpoint, Run
from webapp.ui.templatetags.figures import figure, usd

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(tmp_path: Path, settings: Any) -> Path:
    settings.ISOCOST_FILES = tmp_path
    return tmp_path


def make_checkpoint(run: Run, *, step: int = 100, **fields: Any) -> Checkpoint:
    """Return a checkpoint whose folder is there."""
    path = f"jobs/{run.latest_job.code}/attempts/1/checkpoints/{step}"
    row = Checkpoint.objects.create(
        run=run, job=run.latest_job, fence=1, step=step, stored_path=path, sha256="ab" * 32, size_bytes=10, **fields
    )
    row.path.mkdir(parents=True)
    return row


def keep(cast: Cast, run: Run | None = None, *, name: str = "helper", **fields: Any) -> ModelVersion:
    run = run or make_run(cast, state="succeeded", test_metrics={"loss": 1.25, "step": 100})
    checkpoint = make_checkpoint(run, **fields)
    return services.model_version_create(checkpoint=checkpoint, name=name, created_by=cast.bob)


def ledger(
    run: Run, usd: str, *, job: Any = None, kwh: float = 0.5, outcome: str = "succeeded", fence: int = 1
) -> None:
    job = job or run.latest_job
    LedgerEntry.objects.create(
        team=job.team, project=job.project, job=job, fence=fence, job_kind=job.kind, outcome=outcome,
        started_at=timezone.now(), seconds=60, num_devices=1, usd_per_device_hour=1, billed_usd=Decimal(usd) / 2,
        effective_usd=Decimal(usd), energy_kwh=kwh, energy_is_measured=True, co2e_kg=kwh * 0.4,
    )  # fmt: skip


def test_a_kept_checkpoint_cannot_be_unpinned_or_removed(cast: Cast) -> None:
    version = keep(cast)
    checkpoint = version_checkpoint(version)
    assert (checkpoint.path / checkpoints.PIN_FILE).exists()
    with pytest.raises(checkpoints.CheckpointHeld, match="helper v1"):
        checkpoints.checkpoint_pin(checkpoint=checkpoint, pinned=False)
    assert checkpoints.checkpoint_remove(checkpoint=checkpoint) == 0
    assert checkpoints.space_free(project=cast.project) == (0, 0)
    checkpoint.refresh_from_db()
    assert checkpoint.removed_at is None


def test_versions_are_numbered_under_their_name_and_the_same_checkpoint_is_kept_once(cast: Cast) -> None:
    run = make_run(cast, state="succeeded")
    first = keep(cast, run, step=10)
    second = keep(cast, run, step=20)
    again = services.model_version_create(checkpoint=second.checkpoint, name="helper", created_by=cast.bob)
    other = services.model_version_create(checkpoint=second.checkpoint, name="other", created_by=cast.bob)
    assert [first.number, second.number, other.number] == [1, 2, 1]
    assert again.pk == second.pk


def test_a_checkpoint_without_files_is_refused(cast: Cast) -> None:
    run = make_run(cast, state="succeeded")
    gone = make_checkpoint(run)
    gone.path.rmdir()
    with pytest.raises(RegistryError, match="no longer there"):
        services.model_version_create(checkpoint=gone, name="helper", created_by=cast.bob)


def test_moves_need_a_sentence_and_one_version_is_in_production(cast: Cast) -> None:
    run = make_run(cast, state="succeeded")
    first, second = keep(cast, run, step=10), keep(cast, run, step=20)
    with pytest.raises(RegistryError, match="sentence"):
        services.stage_move(version=first, stage="production", sentence=" ", by=cast.bob)
    services.stage_move(version=first, stage="production", sentence="It is the first.", by=cast.bob)
    services.stage_move(version=second, stage="production", sentence="Better on tickets.", by=cast.adam)
    first.refresh_from_db()
    assert first.stage == "archived"
    found = version_named(cast.project, "helper")
    assert found is not None
    assert found.pk == second.pk
    history = [(move.from_stage, move.to_stage, move.by) for move in first.moves.all()]
    assert history == [
        ("production", "archived", cast.adam),
        ("candidate", "production", cast.bob),
        ("", "candidate", cast.bob),
    ]


def test_the_history_of_stages_only_grows(cast: Cast) -> None:
    version = keep(cast)
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        StageMove.objects.filter(version=version).update(sentence="It never happened.")
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        StageMove.objects.filter(version=version).delete()


def test_an_alias_moves_and_names_a_version(cast: Cast) -> None:
    run = make_run(cast, state="succeeded")
    first, second = keep(cast, run, step=10), keep(cast, run, step=20)
    services.alias_set(version=first, alias="safe", by=cast.bob)
    services.alias_set(version=second, alias="safe", by=cast.bob)
    assert list(first.aliases.all()) == []
    assert [version_named(cast.project, "helper", which) for which in ("safe", "v1", "2", "9", "nothing")] == [
        second, first, second, None, None,
    ]  # fmt: skip
    with pytest.raises(RegistryError, match="one word"):
        services.alias_set(version=first, alias="two words", by=cast.bob)


def test_deleting_is_refused_while_in_use_and_lets_the_checkpoint_go(cast: Cast) -> None:
    version = keep(cast)
    services.stage_move(version=version, stage="staging", sentence="To try.", by=cast.bob)
    services.alias_set(version=version, alias="safe", by=cast.bob)
    with pytest.raises(RegistryError, match=r"staging.*safe"):
        services.model_version_delete(version=version, by=cast.bob)
    services.alias_remove(version=version, alias="safe")
    services.stage_move(version=version, stage="archived", sentence="Not good enough.", by=cast.bob)
    services.model_version_delete(version=version, by=cast.bob)
    checkpoint = Checkpoint.objects.get(pk=version.checkpoint_id)
    assert not checkpoint.is_pinned
    assert services.model_version_create(checkpoint=checkpoint, name="helper", created_by=cast.bob).number == 2


def test_cost_is_told_along_the_lineage(cast: Cast) -> None:
    """Data, the run with its failed attempt, and the run that its weights began from; a clone's parent is not in it."""
    stranger = make_run(cast, state="succeeded", name="another")
    data = make_version(cast)
    parent = make_run(cast, version=data, state="succeeded", name="base")
    begun = make_checkpoint(parent, step=50)
    run = make_run(cast, version=data, state="succeeded", parent=parent)
    run.spec = {**run.spec, "branch_from": str(begun.path)}
    run.save()
    for row, amount in ((parent, "3"), (run, "0.5"), (stranger, "100")):
        ledger(row, amount)
    ledger(run, "0.25", outcome="failed", fence=2)
    ledger(run, "0.125", job=data.job)
    version = keep(cast, run)
    cost = cost_to_make(version)
    assert {(part.name, part.subject): part.spend.effective_usd for part in cost.parts} == {
        ("data", str(data)): Decimal("0.125"),
        ("training", run.name): Decimal("0.75"),
        ("parents", "base"): Decimal(3),
        ("evaluation", "helper v1"): Decimal(0),
    }
    assert cost.total.effective_usd == Decimal("3.875")
    assert cost.total.wasted_usd == Decimal("0.25")
    assert [each["name"] for each in version.lineage["parents"]] == ["base"]
    clone = make_run(cast, version=data, state="succeeded", parent=parent, name="clone")
    ledger(clone, "1")
    assert cost_to_make(keep(cast, clone, name="clone")).total.effective_usd == Decimal("1.125")


def test_the_card_says_the_ledgers_and_the_evaluations_figures(cast: Cast) -> None:
    version = keep(cast)
    ledger(version.run, "2.5", kwh=1.5)
    services.card_edit(version=version, parts={"intended_use": "For | support.", "stage": "ignored"})
    rows = {section.name: {row.label: row.value for row in section.rows} for section in card_of(version)}
    assert rows["cost"]["In all"] == usd(Decimal("2.5")) == "$2.50"
    assert rows["energy"]["Energy"] == "1.5 kWh (measured)"
    assert rows["metrics"][f"loss · {version.run.dataset_version}, test"] == figure(1.25)
    text = card_markdown(version)
    assert "| In all | $2.50 |" in text
    assert "For | support." in text  # a person's text stays as it was written
    version.refresh_from_db()
    assert version.card == {"intended_use": "For | support."}


def test_the_best_run_and_the_front(cast: Cast) -> None:
    """Cheap and bad, middling, dear and best are on the front; dearer and no better is not."""
    data = make_version(cast)
    made = {}
    for name, loss, usd_spent in (
        ("cheap", 3.0, "1"),
        ("middling", 2.0, "2"),
        ("waste", 2.5, "5"),
        ("best", 1.5, "40"),
    ):
        summary = {"validation/loss": {"min": loss, "max": 8.0, "last": loss}}
        made[name] = make_run(cast, version=data, state="succeeded", name=name, summary=summary)
        ledger(made[name], usd_spent)
    found = ranking(cast.project, "validation/loss")
    assert [point.run.name for point in found.points] == ["best", "middling", "waste", "cheap"]
    assert [point.run.name for point in found.front] == ["cheap", "middling", "best"]
    assert found.best is not None
    assert found.best.run == made["best"]
    assert found.best_per_usd is not None
    assert found.best_per_usd.run == made["cheap"]  # (8 - 3) / 1 is more than (8 - 2) / 2
    assert found.best_per_usd.gain_per_usd == pytest.approx(5.0)
    chart = front_chart(found)
    assert chart["x"]["values"] == [1.0, 2.0, 5.0, 40.0]
    assert chart["series"][1]["values"] == [3.0, 2.0, None, 1.5]
