"""Each view of runs: who may call it, what it does, what it answers to what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.runs.rows import make_run, make_version
from trainer.spec import spec_from_dict
from webapp.jobs.models import Attempt, State, Worker
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Checkpoint, Run
from webapp.runs.spec_form import spec_values

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(cast: Cast) -> Run:
    return make_run(cast, state="stopped")


def make_checkpoint(run: Run, step: int, **changes: Any) -> Checkpoint:
    values = {
        "stored_path": f"jobs/{run.latest_job.code}/attempts/1/checkpoints/{step}",
        "sha256": "a" * 64,
        "size_bytes": 1000,
    }
    return Checkpoint.objects.create(run=run, job=run.latest_job, fence=1, step=step, **{**values, **changes})


def form_data(run: Run, **changes: Any) -> dict[str, Any]:
    """Return what a browser posts for a run with the same settings."""
    spec = spec_from_dict(run.spec)[1]
    values = {name: value for name, value in spec_values(spec).items() if value is not False}
    return {**values, "family": "gpt", "version": run.dataset_version_id, "key": "form-1", **changes}


RUN_PAGES = ["run-detail", "run-head", "run-metrics", "run-csv"]
RUN_POSTS = ["run-stop", "run-cancel", "run-resume", "run-edit"]
PROJECT_PAGES = ["run-list", "runs-metrics", "runs-compare", "runs-csv"]
PROJECT_POSTS = ["run-estimate", "run-fit", "run-import", "runs-act", "runs-free-space"]
CHECKPOINT_POSTS = ["checkpoint-pin", "checkpoint-delete"]


@pytest.mark.parametrize("name", [*RUN_PAGES, *PROJECT_PAGES])
def test_pages_are_for_the_team_alone(cast: Cast, run: Run, name: str) -> None:
    url = reverse(name, args=[run.code if name in RUN_PAGES else cast.project.code])
    assert cast.client(cast.vera).get(url).status_code == 200
    assert cast.client(cast.alice).get(url).status_code == 200
    assert cast.client(cast.charlie).get(url).status_code == 404
    assert cast.client(None).get(url).status_code == 302
    assert cast.client(cast.vera).post(url).status_code == 405


@pytest.mark.parametrize("name", [*RUN_POSTS, *PROJECT_POSTS, *CHECKPOINT_POSTS])
def test_changes_are_for_members(cast: Cast, run: Run, name: str) -> None:
    code = run.code if name in RUN_POSTS else cast.project.code
    if name in CHECKPOINT_POSTS:
        code = make_checkpoint(run, 100).code
    url = reverse(name, args=[code])
    assert cast.client(cast.vera).post(url).status_code == 403
    assert cast.client(cast.charlie).post(url).status_code == 404
    assert cast.client(cast.bob).get(url).status_code == 405
    assert cast.client(cast.bob).post(url, {"name": "x"}).status_code in (200, 302)


@pytest.mark.parametrize(
    "tab", ["overview", "system", "samples", "logs", "config", "checkpoints", "evaluation", "cost", "events"]
)
@pytest.mark.parametrize("is_empty", [True, False])
def test_every_tab_shows_with_and_without_content(cast: Cast, run: Run, tab: str, is_empty: bool) -> None:
    if not is_empty:
        metrics_append(run=run, steps=[1, 2], values={"train/loss": [2.0, None], "validation/loss": [2.1, 2.0]})
        make_checkpoint(run, 2, is_best=True, metrics={"validation/loss": 2.0})
        run.samples.create(step=2, prompt="今天", output="天气很好\n<script>")
        Run.objects.filter(pk=run.pk).update(test_metrics={"loss": 2.05, "step": 2}, resolved={"dtype": "float32"})
    response = cast.client(cast.vera).get(f"{run.get_absolute_url()}?tab={tab}")
    assert response.status_code == 200
    assert (
        "<script>\n" not in response.content.decode() and "&lt;script&gt;" not in response.content.decode()
    ) or tab in ("samples", "overview")


def test_the_page_of_a_run_takes_a_bounded_number_of_queries(cast: Cast, run: Run) -> None:
    client = cast.client(cast.vera)
    counts = []
    for steps in (range(1, 3), range(3, 40)):
        for step in steps:
            metrics_append(run=run, steps=[step], values={"train/loss": [1.0]})
            run.samples.create(step=step, output="x")
            make_checkpoint(run, step)
        with CaptureQueriesContext(connection) as queries:
            client.get(run.get_absolute_url())
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 70


def test_a_failed_run_says_why_and_shows_its_last_lines(cast: Cast) -> None:
    run = make_run(cast, state="failed", name="失败 <b>", reason="The loss was not a number at step 640.")
    worker = Worker.objects.create(name="w", host="h", queue="cpu")
    log = "\n".join(f"line {i}" for i in range(1, 201))
    Attempt.objects.create(
        job=run.latest_job,
        fence=1,
        worker=worker,
        started_at=timezone.now(),
        ended_at=timezone.now(),
        outcome="failed",
        log_tail=log,
    )
    text = cast.client(cast.vera).get(run.get_absolute_url()).content.decode()
    assert "The loss was not a number at step 640." in text
    assert "line 200" in text
    assert "line 151\n" in text
    assert "line 150\n" not in text
    assert "失败 &lt;b&gt;" in text


def test_the_form_makes_a_run_and_its_job_once(cast: Cast, run: Run) -> None:
    url = reverse("run-create", args=[cast.project.code])
    client = cast.client(cast.bob)
    assert client.get(url).status_code == 200
    data = form_data(run, name="新的 run", tags="a, b，a", **{"schedule.num_steps": 50})
    first = client.post(url, data)
    assert first.status_code == 302
    made = Run.objects.get(name="新的 run")
    assert first["Location"] == made.get_absolute_url()
    assert made.latest_job.state == State.QUEUED
    assert made.latest_job.kind == "train"
    assert made.tags == ["a", "b"]
    assert made.num_steps == 50
    assert made.spec["schedule"]["num_steps"] == made.latest_job.spec["schedule"]["num_steps"] == 50
    assert made.flop_per_token
    assert made.spec["flop_per_token"] == made.flop_per_token
    assert made.spec["data"]["content_hash"] == run.dataset_version.content_hash
    assert made.facts["num_parameters"] > 1e5
    assert client.post(url, data)["Location"] == made.get_absolute_url()
    assert Run.objects.filter(name="新的 run").count() == 1


def test_a_wrong_setting_is_told_at_its_field_by_the_trainer(cast: Cast, run: Run) -> None:
    url = reverse("run-create", args=[cast.project.code])
    data = form_data(run, **{"batch.micro_batch": 7, "model.num_heads": 5, "schedule.num_steps": "viele"})
    response = cast.client(cast.bob).post(url, data)
    assert response.status_code == 422
    errors = response.context["form"].errors
    assert "batch.micro_batch (7) must divide" in errors["batch.micro_batch"][0]
    assert "model.num_heads (5) must divide" in errors["model.num_heads"][0]
    assert "schedule.num_steps" in errors
    assert Run.objects.count() == 1


def test_sequences_longer_than_the_model_sees_are_refused(cast: Cast, run: Run) -> None:
    data = form_data(run, **{"batch.sequence_length": 4096})
    answer = cast.client(cast.bob).post(reverse("run-estimate", args=[cast.project.code]), data).json()
    assert "longer than model.context_length" in answer["errors"]["batch.sequence_length"][0]
    assert answer["config"] is None


def test_the_estimate_is_economics_own(cast: Cast, run: Run) -> None:
    from economics.flop import training_flop_per_token
    from webapp.runs.links.gpt import gpt_decoder
    from webapp.ui.templatetags.figures import si

    spec = spec_from_dict(run.spec)[1]
    answer = cast.client(cast.bob).post(reverse("run-estimate", args=[cast.project.code]), form_data(run)).json()
    assert answer["errors"] == {}
    flop = training_flop_per_token(gpt_decoder(spec.model, {"vocab_size": 4096}), 128).total * 128 * 32 * 100
    assert si(flop, "FLOP") in answer["panel"]
    assert answer["config"]["batch"]["sequence_length"] == 128


def test_make_it_fit_finds_a_size(cast: Cast, run: Run) -> None:
    data = form_data(run, fit_kind="parameters", fit_amount="5")
    answer = cast.client(cast.bob).post(reverse("run-fit", args=[cast.project.code]), data).json()
    assert "parameters" in answer["sentence"]
    again = {**form_data(run), **{k: v for k, v in answer["values"].items() if v is not False}}
    estimate = cast.client(cast.bob).post(reverse("run-estimate", args=[cast.project.code]), again).json()
    assert estimate["errors"] == {}
    late = (
        cast.client(cast.bob).post(reverse("run-fit", args=[cast.project.code]), {**data, "fit_kind": "minutes"}).json()
    )
    assert "calibration" in late["error"]


def test_a_config_goes_out_and_comes_back_in(cast: Cast, run: Run) -> None:
    url = reverse("run-import", args=[cast.project.code])
    client = cast.client(cast.bob)
    answer = client.post(url, {"config": json.dumps(run.spec)}).json()
    assert answer["family"] == "gpt"
    assert answer["values"]["schedule.num_steps"] == 100
    assert "not JSON" in client.post(url, {"config": "{"}).json()["error"]
    assert "speling" in client.post(url, {"config": json.dumps({**run.spec, "speling": 1})}).json()["error"]


def test_a_clone_begins_with_the_same_settings(cast: Cast, run: Run) -> None:
    url = reverse("run-create", args=[cast.project.code])
    form = cast.client(cast.bob).get(url, {"from": run.code}).context["form"]
    assert form["schedule.num_steps"].value() == 100
    assert form["version"].value() == run.dataset_version_id
    assert cast.client(cast.bob).get(url, {"from": "nosuchrun"}).status_code == 404


def test_a_branch_goes_on_from_a_checkpoint(cast: Cast, run: Run) -> None:
    checkpoint = make_checkpoint(run, 60)
    url = f"{reverse('run-create', args=[cast.project.code])}?from={run.code}&checkpoint={checkpoint.code}"
    client = cast.client(cast.bob)
    assert client.get(url).context["form"]["schedule.decay"].value() == "wsd"
    client.post(url, form_data(run, name="branch"))
    made = Run.objects.get(name="branch")
    assert made.parent == run
    assert made.spec["branch_from"] == str(checkpoint.path)


def test_runs_are_deleted_and_brought_back(cast: Cast, run: Run) -> None:
    going = make_run(cast, version=run.dataset_version, name="going", state="running")
    act, table = reverse("runs-act", args=[cast.project.code]), reverse("run-list", args=[cast.project.code])
    client = cast.client(cast.bob)
    answer = client.post(act, {"act": "delete", "runs": f"{run.code},{going.code}"}, follow=True)
    assert answer.context["undo"] == [run.code, going.code]
    text = answer.content.decode()
    assert "1 run deleted." in text
    assert "still going" in text
    page = client.get(table)
    assert [row.run for row in page.context["rows"]] == [going]
    assert page.context["undo"] == []
    client.post(act, {"act": "restore", "runs": [run.code]})
    assert len(client.get(table).context["rows"]) == 2
    client.post(act, {"act": "archive", "runs": [run.code]})
    assert len(client.get(table).context["rows"]) == 1
    assert len(client.get(table, {"shown": "archived"}).context["rows"]) == 1
    client.post(act, {"act": "tag", "tag": "keep", "runs": [going.code]})
    going.refresh_from_db()
    assert going.tags == ["keep"]


def test_runs_of_another_project_are_out_of_reach(cast: Cast, run: Run) -> None:
    from tests.factories import Project

    other = Project.objects.create(team=cast.team, name="Other")
    client = cast.client(cast.bob)
    client.post(reverse("runs-act", args=[other.code]), {"act": "delete", "runs": [run.code]})
    assert client.get(reverse("runs-metrics", args=[other.code]), {"runs": run.code}).json() == {"runs": []}
    assert client.get(reverse("run-create", args=[other.code]), {"from": run.code}).status_code == 404
    run.refresh_from_db()
    assert run.deleted_at is None


def test_the_best_and_the_pinned_checkpoints_stay(cast: Cast, run: Run) -> None:
    best, pinned = make_checkpoint(run, 1, is_best=True), make_checkpoint(run, 2)
    old, last = make_checkpoint(run, 3), make_checkpoint(run, 4)
    client = cast.client(cast.bob)
    client.post(reverse("checkpoint-pin", args=[pinned.code]), {"pinned": "1"})
    for row in (best, pinned, old):
        client.post(reverse("checkpoint-delete", args=[row.code]))
    assert set(Checkpoint.objects.filter(removed_at=None)) == {best, pinned, last}
    client.post(reverse("runs-free-space", args=[cast.project.code]))
    assert set(Checkpoint.objects.filter(removed_at=None)) == {best, pinned}


def test_points_are_handed_out_as_json(cast: Cast, run: Run) -> None:
    metrics_append(run=run, steps=range(1, 5001), values={"train/loss": [1 / s for s in range(1, 5001)]})
    answer = (
        cast.client(cast.vera)
        .get(reverse("run-metrics", args=[run.code]), {"keys": "train/loss", "points": "200"})
        .json()
    )
    found = answer["series"][0]
    assert found["num_points"] == 5000
    assert 100 <= len(found["steps"]) <= 200
    assert not found["exact"]
    assert answer["run"]["axes"]["tokens_per_step"] == 4096
    assert (
        cast.client(cast.vera).get(reverse("run-metrics", args=[run.code]), {"points": "nonsense"}).status_code == 200
    )


def test_comparing_shows_what_differs(cast: Cast, run: Run) -> None:
    other = make_run(cast, version=run.dataset_version, name="other", state="stopped")
    other.spec["optimizer"]["learning_rate"] = 0.5
    other.save()
    url = reverse("runs-compare", args=[cast.project.code])
    text = cast.client(cast.vera).get(url, {"runs": f"{run.code},{other.code}"}).content.decode()
    assert "optimizer.learning_rate" in text
    assert "optimizer.beta1" not in text
    assert (
        "optimizer.beta1"
        in cast.client(cast.vera).get(url, {"runs": f"{run.code},{other.code}", "all": "1"}).content.decode()
    )


def test_the_form_begins_with_what_the_data_are_for(cast: Cast) -> None:
    """Labels of one kind are told apart, sets of labels each by itself, and text without labels is learned from as it is."""
    for labels, objective in ((["a", "b"], "classify"), (["a", "a|b"], "multi_label"), ([], "masked")):
        rows = [{"label": label, "documents": 5} for label in labels]
        version = make_version(cast, report={"labels": rows}, content_hash=objective[0] * 64)
        page: Any = cast.client(cast.bob).get(
            f"/projects/{cast.project.code}/runs/new/?family=bert&version={version.code}"
        )
        form = page.context["form"]
        assert form["model.objective"].value() == objective
        assert form["batch.sequence_length"].value() == 128
        assert [field.name for field in form.model_essentials()] == ["model.objective"]


def test_what_was_set_up_and_is_no_setting_stands_beside_what_was_chosen(cast: Cast, run: Run) -> None:
    why = "kept for what comes next: the system would fill it with zeros again for each step"
    Run.objects.filter(pk=run.pk).update(
        resolved={"dtype": "float32"}, resolved_reasons={"dtype": "small", "freed_memory": why}
    )
    page = cast.client(cast.vera).get(f"{run.get_absolute_url()}?tab=config").content.decode()
    assert "<dt>freed_memory</dt><dd><p" in page
    assert why in page
