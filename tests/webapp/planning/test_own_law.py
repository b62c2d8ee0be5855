"""Plans on the team's own fit, the run that a plan begins, and plan against reality."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from tests.factories import Cast, make_checkpoint, make_version
from tests.webapp.planning.plans import INPUTS, make_plan
from tests.webapp.runs.rows import make_run
from webapp.costs.models import LedgerEntry
from webapp.datasets.models import DatasetVersion
from webapp.ladders.models import ScalingFit
from webapp.planning.facts import lever_measured
from webapp.planning.inputs import PlanInputs
from webapp.planning.models import PlanRun
from webapp.planning.services import version_create, version_recompute
from webapp.planning.sources import law_used
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Run


def own_fit(cast: Cast) -> ScalingFit:
    """A fit of this project whose answer is a real one: the published law's draws under another name."""
    from economics.scaling.published import published_fit
    from webapp.ladders.models import Ladder

    ladder = Ladder.objects.create(project=cast.project, name="first rungs", created_by=cast.bob)
    answer = published_fit("besiroglu-2024").to_dict()
    return ScalingFit.objects.create(
        ladder=ladder, number=1, method="parametric", num_points=9, has_law=True, answer=answer
    )


def ready_version(cast: Cast) -> DatasetVersion:
    version = make_version(cast)
    DatasetVersion.objects.filter(pk=version.pk).update(
        ready_at=timezone.now(), content_hash="c" * 64, stored_path="versions/x", vocab_size=512, num_tokens=10**7,
        num_bytes=4 * 10**7,
    )  # fmt: skip
    version.refresh_from_db()
    return version


def test_own_fit_is_kept_with_the_version_and_badged_as_own(cast: Cast) -> None:
    fit = own_fit(cast)
    plan = make_plan(cast)
    version = version_create(plan=plan, inputs=PlanInputs(law=f"fit:{fit.code}"), created_by=cast.bob)
    assert version.law == fit.answer
    page = cast.client(cast.vera).get(f"/plans/{plan.code}/").content.decode()
    assert "law: not your data" not in page
    assert str(fit) in page
    export = cast.client(cast.vera).get(f"/plans/{plan.code}/export/fit/")
    assert export.status_code == 200
    assert b'fit = "fit.json"' in cast.client(cast.vera).get(f"/plans/{plan.code}/export/plan-toml/").content


def test_a_newer_fit_asks_for_a_recompute(cast: Cast) -> None:
    fit = own_fit(cast)
    plan = make_plan(cast)
    version_create(plan=plan, inputs=PlanInputs(law=f"fit:{fit.code}"), created_by=cast.bob)
    newer = ScalingFit.objects.create(
        ladder=fit.ladder, number=2, method="parametric", num_points=12, has_law=True, answer=fit.answer
    )
    assert "there is a newer fit" in cast.client(cast.bob).get(f"/plans/{plan.code}/").content.decode()
    version = version_recompute(plan=plan, created_by=cast.bob)
    assert version.inputs["law"] == f"fit:{newer.code}"
    assert "law" in version.note


def test_fit_of_another_project_is_refused(cast: Cast) -> None:
    from economics.errors import InputError
    from tests.factories import Project

    fit = own_fit(cast)
    other = Project.objects.create(team=cast.team, name="Other", created_by=cast.alice)
    with pytest.raises(InputError, match="fit of this project"):
        law_used(PlanInputs(law=f"fit:{fit.code}"), other)


def test_train_this_makes_the_run_and_shows_it_against_the_plan(cast: Cast) -> None:
    data = ready_version(cast)
    plan = make_plan(cast)
    browser = cast.client(cast.bob)
    page = browser.get(f"/plans/{plan.code}/train/").content.decode()
    assert "The run that this plan means" in page
    assert "not told: the law is not your data" in page
    refused = browser.post(f"/plans/{plan.code}/train/", {"data": data.code})
    assert refused.status_code == 422
    assert "does not fit" in refused.content.decode()  # twelve billion parameters, here
    version_create(plan=plan, inputs=PlanInputs(budget_usd=20.0), created_by=cast.bob)
    assert "What it will take" in browser.get(f"/plans/{plan.code}/train/").content.decode()
    answer = browser.post(f"/plans/{plan.code}/train/", {"data": data.code, "name": "as planned"})
    assert answer.status_code == 302
    run = Run.objects.get(name="as planned")
    assert answer.url == run.get_absolute_url()
    best = plan.versions.first().results["scale"]["best"]
    assert run.num_steps * run.tokens_per_step == pytest.approx(best["num_tokens"], rel=1e-3)
    assert run.facts["num_parameters"] == pytest.approx(best["num_params"], rel=0.15)
    assert PlanRun.objects.get().version == plan.versions.first()
    assert "Plan against reality" in browser.get(f"/plans/{plan.code}/").content.decode()
    assert cast.client(cast.vera).get(f"/plans/{plan.code}/train/").status_code == 403


def test_lever_is_measured_by_the_ledger_and_quality_is_asked_for(cast: Cast) -> None:
    runs = [make_run(cast, name=name, state="succeeded") for name in ("without-1", "with-2")]
    for run, usd, bits in zip(runs, ("8", "3"), (1.5, 1.505), strict=True):
        make_checkpoint(cast, run, is_best=True, metrics={"validation/bits_per_byte": bits})
        LedgerEntry.objects.create(
            team=cast.team, project=cast.project, job=run.latest_job, fence=1, kind="compute",
            started_at=timezone.now() - timedelta(hours=1), billed_usd=Decimal(usd), effective_usd=Decimal(usd),
        )  # fmt: skip
    found = lever_measured(*runs)
    assert found["saved_usd"]["p50"] == 5
    assert found["equal_quality"]
    plan = make_plan(cast)
    form = {"lever": "compression", "without": runs[0].code, "with": runs[1].code}
    assert cast.client(cast.bob).post(f"/plans/{plan.code}/evidence/", form).status_code == 302
    lever = next(r for r in plan.versions.first().results["advantage"]["levers"] if r["name"] == "compression")
    assert lever["is_measured"]
    assert lever["saved_usd"]["p50"] == 5
    assert "measured" in cast.client(cast.vera).get(f"/plans/{plan.code}/advantage/").content.decode()


def test_a_transfer_of_equal_quality_measures_its_lever_by_itself(cast: Cast) -> None:
    """The newest pair counts whose quality is equal: one that saved more and became worse does not."""
    plan = make_plan(cast)
    scratch = measured_run(cast, "from scratch", usd="8", bits=1.5, source="")
    measured_run(cast, "good", usd="3", bits=1.505, source="/some/checkpoint", version=scratch.dataset_version)
    measured_run(cast, "worse", usd="1", bits=1.9, source="/some/checkpoint", version=scratch.dataset_version)
    version_recompute(plan=plan, created_by=cast.bob)
    levers = {row["name"]: row for row in plan.versions.first().results["advantage"]["levers"]}
    assert levers["transfer"]["is_measured"]
    assert levers["transfer"]["saved_usd"]["p50"] == 5
    assert [run["name"] for run in levers["transfer"]["runs"]] == ["from scratch", "good"]
    assert not levers["augmentation"]["is_measured"]
    page = cast.client(cast.vera).get(f"/plans/{plan.code}/advantage/").content.decode()
    assert "from scratch" in page


def measured_run(cast: Cast, name: str, *, usd: str, bits: float, source: str, version: Any = None) -> Any:
    """Return a run that ended well, with its dollars and how good it was half way and at its end."""
    run = make_run(cast, name=name, state="succeeded", **({"version": version} if version else {}))
    run.spec = {**run.spec, "transfer": {"source": source}}
    run.test_metrics = {"loss": bits}
    run.save()
    metrics_append(run=run, steps=[50, 100], values={"validation/loss": [bits + 1, bits]})
    LedgerEntry.objects.create(
        team=cast.team, project=cast.project, job=run.latest_job, fence=1, kind="compute",
        started_at=timezone.now() - timedelta(hours=1), billed_usd=Decimal(usd), effective_usd=Decimal(usd),
    )  # fmt: skip
    return run


def test_inputs_of_the_tests_are_valid() -> None:
    assert INPUTS.tokens_per_month == 4e9
    assert PlanInputs(requests_per_month=1e6).tokens_per_month == 1.5e9
