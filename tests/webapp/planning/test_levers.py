"""What each lever saved at equal quality: pairs found by themselves, and the page that shows them."""

from __future__ import annotations

import html
import random
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.utils import timezone
from msgspec import to_builtins

from tests.factories import Cast, make_checkpoint
from tests.webapp.runs.rows import make_run, make_version
from trainer.families import get_family
from trainer.metrics.change import Change
from webapp.costs.models import LedgerEntry
from webapp.jobs.models import Job, JobEvent, Worker
from webapp.planning.efficiency.measured import is_as_good
from webapp.planning.efficiency.page import best_of, levers, measured_of
from webapp.registry.models import Compression, ModelVersion
from webapp.registry.paired import Units
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


def paid(cast: Cast, job: Job, usd: float) -> None:
    LedgerEntry.objects.create(
        team=cast.team, project=cast.project, job=job, fence=1, kind="compute", usd_per_device_hour=Decimal("0.5"),
        started_at=timezone.now() - timedelta(hours=1), billed_usd=Decimal(str(usd)), effective_usd=Decimal(str(usd)),
    )  # fmt: skip


def trained(cast: Cast, name: str, *, usd: float, losses: list[float], processes: int = 1, **changes: Any) -> Run:
    """Return a run that ended well: its losses at steps 10, 20, ..., and the last of them as its test."""
    run = make_run(cast, name=name, state="succeeded", **changes)
    run.facts = {**run.facts, "parallel": {"processes": processes}}
    run.spec = {**run.spec, "parallel": {"processes": processes}}
    run.test_metrics = {"loss": losses[-1]}
    run.save()
    steps = [10 * (number + 1) for number in range(len(losses))]
    metrics_append(run=run, steps=steps, values={"validation/loss": losses})
    paid(cast, run.latest_job, usd)
    return run


def test_the_same_run_by_two_processes_is_a_pair(cast: Cast) -> None:
    """Both reach 2.0; the first in its last quarter, so the share saved is known within that quarter."""
    one = trained(cast, "one", usd=8, losses=[4.0, 3.0, 2.5, 2.0])
    trained(cast, "two", usd=5, losses=[4.0, 3.0, 2.5, 2.0], processes=2, version=one.dataset_version)
    trained(cast, "other seed", usd=1, losses=[1.0], processes=2)  # other data: no pair
    (found,) = measured_of(cast.project)
    assert (found.lever, found.title) == ("parallel", "2 processes")
    assert (found.without.usd.p10, found.without.usd.p50) == (6, 8)
    assert found.share.p50 == pytest.approx(1 - 5 / 8)
    assert found.share.p10 < found.share.p50 < found.share.p90
    assert found.is_equal
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/levers/").content.decode()
    assert one.get_absolute_url() in page
    assert "one figure each, no interval" in page
    assert page.count("No pair yet.") == 3


def test_a_better_run_is_charged_only_up_to_what_the_other_reached(cast: Cast) -> None:
    scratch = trained(cast, "scratch", usd=10, losses=[4.0, 3.5, 3.0, 2.6])
    tuned = trained(cast, "tuned", usd=10, losses=[2.5, 2.2, 2.1, 2.0], version=scratch.dataset_version)
    tuned.spec = {**tuned.spec, "transfer": {"source": "/a/checkpoint"}}
    tuned.save()
    (found,) = measured_of(cast.project)
    assert found.lever == "transfer"
    assert found.with_lever.usd.p50 == 2.5  # after a quarter it was better than the other at its end
    assert found.share.p50 == 0.75


def test_a_lever_without_a_pair_has_a_button_to_one(cast: Cast) -> None:
    """Each leads to a page that opens; who only looks has none, and where nothing was trained there is nothing to go on from."""
    place = f"/projects/{cast.project.code}/levers/"
    client = cast.client(cast.bob)
    assert client.get(place).content.decode().count("Train a model first.") == 4
    pictures = make_version(cast, data_kind="images", facts={"side": 32, "num_channels": 1, "num_labels": 10})
    run = trained(cast, "digits", usd=1, losses=[2.0, 1.0], family="vision", version=pictures)
    run.spec |= {"family": "vision", "model": to_builtins(get_family("vision").presets["tiny"])}
    run.save()
    make_checkpoint(cast, run, is_best=True)
    assert "one device for a run" in client.get(place).content.decode()
    Worker.objects.create(name="cpu@here/cpu", host="here", queue="cpu", hardware={"num_threads": 2})
    page: Any = client.get(place)
    buttons = {lever.name: lever.beginning for lever in page.context["levers"]}
    text = html.unescape(page.content.decode())
    assert "Train a model first." not in text
    for name, wanted in (("transfer", "start="), ("augmentation", "what=augmentation"), ("parallel", "processes=2")):
        assert wanted in buttons[name].url
        assert f'href="{buttons[name].url}"' in text
        assert client.get(buttons[name].url).status_code == 200, name
    form = client.get(buttons["parallel"].url).content.decode()
    assert '<option value="2" selected' in form
    assert buttons["compression"].url == run.get_absolute_url()  # nothing is kept yet
    looked = cast.client(cast.vera).get(place).content.decode()
    assert "No pair yet." in looked
    assert "Train digits again" not in looked


def told_sums(run: Run, losses: list[float]) -> None:
    """Leave what a trainer leaves of a test split: the sum of the losses of each stretch of ten tokens."""
    sums = {"loss": [10 * loss for loss in losses], "tokens": [10.0] * len(losses)}
    ratios = {"loss": ("loss", "tokens", 1.0)}
    units = Units(split="test", content_hash="c", counts=[10] * len(losses), sums=sums, ratios=ratios)
    path = run.latest_job.folder.path / "attempts/1/artifacts/units-test.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(units))
    payload = {"name": "units-test", "path": "attempts/1/artifacts/units-test.json", "size_bytes": 1}
    JobEvent.objects.create(
        job=run.latest_job, seq=1_000, fence=1, line=99, at=run.created_at, type="artifact", payload=payload
    )


@pytest.mark.parametrize(("gap", "is_equal"), [(0.0, True), (0.1, False)])
def test_runs_that_keep_no_answers_have_an_interval_by_stretches(
    cast: Cast, settings: Any, tmp_path: Path, gap: float, is_equal: bool
) -> None:
    settings.ISOCOST_FILES = tmp_path
    one = trained(cast, "one", usd=8, losses=[4.0, 2.0])
    two = trained(cast, "two", usd=5, losses=[4.0, 2.0], processes=2, version=one.dataset_version)
    chance = random.Random(1)
    hard = [2 + chance.uniform(-0.5, 0.5) for _ in range(200)]  # for both, so that it cancels
    told_sums(one, hard)
    told_sums(two, [loss + gap + chance.uniform(-0.01, 0.01) for loss in hard])
    (found,) = measured_of(cast.project)
    assert found.quality is not None
    assert found.quality.low is not None
    assert found.quality.high is not None
    assert found.quality.low <= gap <= found.quality.high
    assert found.quality.high - found.quality.low < 0.01
    assert found.is_equal is is_equal


def smaller(cast: Cast, *, low: float, high: float) -> Compression:
    run = make_run(cast, state="succeeded")
    kept = ModelVersion.objects.create(
        project=cast.project, checkpoint=make_checkpoint(cast, run), name="tickets", number=1, sha256="0" * 64,
        created_by=cast.bob,
    )  # fmt: skip
    side = {
        "file_bytes": 4_000, "resident_bytes": 4_000, "seconds_per_token": 0.004, "examples_per_second": 100.0,
        "seconds_per_example": 0.02,
    }  # fmt: skip
    after = {**side, "file_bytes": 1_000, "seconds_per_token": 0.001}
    change = {"metric": "loss", "before": 2.0, "after": 2.0 + (low + high) / 2, "difference": (low + high) / 2}
    row = Compression.objects.create(
        version=kept, method="int8", job=kept.run.latest_job, made=kept,
        report={"split": "test", "before": side, "after": after, "differences": [{**change, "low": low, "high": high}]},
    )  # fmt: skip
    paid(cast, row.job, 1)
    return row


@pytest.mark.parametrize(("low", "high", "is_equal"), [(-0.01, 0.01, True), (-0.01, 0.1, False), (0.1, 0.2, False)])
def test_a_smaller_form_is_a_pair_and_its_interval_decides(cast: Cast, low: float, high: float, is_equal: bool) -> None:
    smaller(cast, low=low, high=high)
    (found,) = measured_of(cast.project)
    assert (found.lever, found.per) == ("compression", "a million tokens written")
    assert found.share.p50 == pytest.approx(0.75)
    assert found.is_equal is is_equal
    assert ("compression" in best_of([found])) is is_equal
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/levers/").content.decode()
    assert "95 %" in page
    assert ("not of equal quality" in page) is not is_equal


def test_quality_that_is_good_when_high_is_judged_the_other_way() -> None:
    assert is_as_good(Change(metric="accuracy", before=0.9, after=0.95))
    assert not is_as_good(Change(metric="accuracy", before=0.9, after=0.9, low=-0.05, high=0.05))


def test_a_lever_that_cost_more_goes_to_the_left(cast: Cast) -> None:
    one = trained(cast, "one", usd=4, losses=[4.0, 2.0])
    trained(cast, "two", usd=6, losses=[4.0, 2.0], processes=2, version=one.dataset_version)
    view = levers(cast.project)
    bar = next(lever for lever in view["levers"] if lever.name == "parallel").bars[0]
    assert bar.measured.share.p50 == -0.5
    assert bar.left + bar.width == pytest.approx(view["zero"], abs=0.1)


def test_strangers_see_nothing(cast: Cast) -> None:
    assert cast.client(cast.charlie).get(f"/projects/{cast.project.code}/levers/").status_code == 404
