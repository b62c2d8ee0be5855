"""A table on its way through a model: taken, queued, and its answers handed to the team alone."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.factories import Cast
from tests.webapp.budgets.test_holds import make_budget
from tests.webapp.runs.rows import make_run
from tests.webapp.runs.test_views import make_checkpoint
from webapp.jobs.models import Job, JobEvent
from webapp.serving.given_tables import KEPT_SECONDS, table_keep, tables_purge
from webapp.serving.models import Guard, GuardDecision
from webapp.serving.tables import PredictKind, table_predict

pytestmark = pytest.mark.django_db


def test_a_table_becomes_a_job_and_its_answers_a_file(cast: Cast, settings: Any, tmp_path: Path) -> None:
    settings.ISOCOST_FILES = tmp_path
    run = make_run(cast, state="succeeded", family="bert")
    checkpoint = make_checkpoint(run, 100)
    client, url = cast.client(cast.alice), reverse("table-predict", args=[cast.project.code])
    assert "A whole table" in client.get(reverse("playground", args=[cast.project.code])).content.decode()
    table = SimpleUploadedFile("../评论.csv", b"text\nrain\n")
    answer = client.post(url, {"checkpoint": checkpoint.code, "table": table})
    job = Job.objects.get(kind="predict")
    assert answer.url == reverse("job-detail", args=[job.code])
    assert job.spec["sha256"] == checkpoint.sha256
    assert job.spec["table_name"] == "评论.csv"
    assert Path(job.spec["table"]).read_bytes() == b"text\nrain\n"
    assert Path(job.spec["table"]).is_relative_to(tmp_path / "tables")

    assert job.spec["guards"] == []
    answers = reverse("table-answers", args=[job.code])
    assert client.get(answers).status_code == 404
    made = job.folder.path / "attempts/1/artifacts/predictions.csv"
    made.parent.mkdir(parents=True)
    made.write_text("text,predicted\nrain,weather\n")
    payload = {"name": "predictions", "path": "attempts/1/artifacts/predictions.csv", "size_bytes": 1}
    JobEvent.objects.create(job=job, seq=1_000, fence=1, line=9, at=job.created_at, type="artifact", payload=payload)
    assert b"".join(list(cast.client(cast.vera).get(answers))) == made.read_bytes()
    assert cast.client(cast.charlie).get(answers).status_code == 404
    assert "Download as CSV" in client.get(answer.url).content.decode()


def test_what_is_no_table_is_refused(cast: Cast) -> None:
    checkpoint = make_checkpoint(make_run(cast, state="succeeded", family="bert"), 100)
    url = reverse("table-predict", args=[cast.project.code])
    table = SimpleUploadedFile("program.exe", b"MZ")
    answer = cast.client(cast.alice).post(url, {"checkpoint": checkpoint.code, "table": table}, follow=True)
    assert "is no table" in answer.content.decode()
    assert cast.client(cast.vera).post(url, {}).status_code == 403
    assert not Job.objects.filter(kind="predict").exists()


def test_a_budget_asks_and_the_table_goes_on(cast: Cast, settings: Any, tmp_path: Path) -> None:
    settings.ISOCOST_FILES = tmp_path
    checkpoint = make_checkpoint(make_run(cast, state="succeeded", family="bert"), 100)
    make_budget(cast, "0")
    browser, url = cast.client(cast.adam), reverse("table-predict", args=[cast.project.code])
    table = SimpleUploadedFile("评论.csv", b"text\nrain\n")
    asked = browser.post(url, {"checkpoint": checkpoint.code, "text_column": "text", "table": table})
    assert asked.status_code == 409
    kept = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', asked.content.decode()))
    assert (kept["checkpoint"], kept["text_column"]) == (checkpoint.code, "text")
    ticket = {"checkpoint": checkpoint.code, "kept_table": kept["kept_table"], "budget_override_reason": "agreed"}
    assert cast.client(cast.bob).post(url, ticket).url == reverse("playground", args=[cast.project.code])
    assert not Job.objects.filter(kind="predict").exists()  # a ticket is its person's alone
    made = browser.post(url, {**kept, "budget_override_reason": "agreed"})
    job = Job.objects.get(kind="predict")
    assert made.url == browser.post(url, ticket).url == reverse("job-detail", args=[job.code])
    assert (job.spec["table_name"], job.spec["text_column"]) == ("评论.csv", "text")
    assert Path(job.spec["table"]).read_bytes() == b"text\nrain\n"


def test_a_table_that_nobody_went_on_with_is_removed_after_a_day(cast: Cast, settings: Any, tmp_path: Path) -> None:
    settings.ISOCOST_FILES = tmp_path
    checkpoint = make_checkpoint(make_run(cast, state="succeeded", family="bert"), 100)
    left, read = (table_keep(SimpleUploadedFile("a.csv", b"text\nrain\n")) for _ in range(2))
    table_predict(checkpoint=checkpoint, created_by=cast.bob, table=read)
    assert tables_purge() == 0
    assert tables_purge(now=time.time() + KEPT_SECONDS + 60) == 1
    assert (left.path.exists(), read.path.exists()) == (False, True)


def test_guard_rails_go_along_and_what_they_decided_is_logged(cast: Cast, settings: Any, tmp_path: Path) -> None:
    settings.ISOCOST_FILES = tmp_path
    checkpoint = make_checkpoint(make_run(cast, state="succeeded", family="bert"), 100)
    mine = Guard.objects.create(project=cast.project, name="Storms", terms="storm*")
    upload = SimpleUploadedFile("评论.csv", b"text\nstorm\n")
    job = table_predict(checkpoint=checkpoint, created_by=cast.bob, table=table_keep(upload))
    assert [each["terms"] for each in job.spec["guards"]] == ["storm*"]
    log = job.folder.path / "attempts/1/artifacts/guard_decisions.jsonl"
    log.parent.mkdir(parents=True)
    decision = {
        "guard": "Storms",
        "direction": "input",
        "action": "refuse",
        "reason": "words: storm",
        "excerpt": "storm",
    }
    log.write_text(json.dumps({"row": 1, **decision}) + "\n")
    payload = {"name": "guard_decisions", "path": str(log.relative_to(job.folder.path)), "size_bytes": 1}
    JobEvent.objects.create(job=job, seq=1_000, fence=1, line=9, at=job.created_at, type="artifact", payload=payload)
    PredictKind().on_end(job, None)
    kept = GuardDecision.objects.get()
    assert (kept.guard, kept.reason, kept.created_by) == (mine, "words: storm", cast.bob)
    assert "All decisions" in cast.client(cast.vera).get(reverse("job-detail", args=[job.code])).content.decode()
    url = reverse("table-decisions", args=[job.code])
    assert b"".join(list(cast.client(cast.vera).get(url))) == log.read_bytes()
    assert cast.client(cast.charlie).get(url).status_code == 404
