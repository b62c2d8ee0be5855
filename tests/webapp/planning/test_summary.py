"""The overview's chapters, and the page on which the loop ends: predicted, got, cost, next, decision."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.ladders.rows import make_seal, measured_worker
from tests.webapp.planning.plans import make_plan
from webapp.jobs.models import Job, JobEvent, State
from webapp.planning.story import project_story
from webapp.planning.summary import project_summary

pytestmark = pytest.mark.django_db


def test_chapters_follow_what_is_there(cast: Cast) -> None:
    assert project_story(cast.project) == []
    make_plan(cast)
    states = {chapter.name: chapter.state for chapter in project_story(cast.project)}
    assert states == {
        "question": "done", "machine": "next", "data": "next", "ladder": "next", "sealed": "next", "landed": "next",
    }  # fmt: skip
    measured_worker()
    make_seal(cast)
    states = {chapter.name: chapter.state for chapter in project_story(cast.project)}
    assert states["machine"] == states["ladder"] == states["sealed"] == "done"


def test_one_page_says_predicted_got_cost_next_and_decision(cast: Cast) -> None:
    measured_worker()
    make_plan(cast)
    seal = make_seal(cast)
    middle = seal.content["loss"]["p50"]
    Job.objects.filter(pk=seal.run.latest_job_id).update(state=State.SUCCEEDED, ended_at=timezone.now())
    JobEvent.objects.create(
        job=seal.run.latest_job, seq=9_001, fence=1, line=1, at=timezone.now(), type="evaluation",
        payload={"split": "validation", "metrics": {"loss": middle}},
    )  # fmt: skip
    found = project_summary(cast.project)
    assert found.is_intact
    assert found.outcomes[0].is_inside
    assert found.following is not None
    assert found.decided is not None
    page = cast.client(cast.bob).get(f"/projects/{cast.project.code}/summary/").content.decode()
    assert f'data-value="{middle}"' in page
    for part in ("sealed-prediction", 'id="cost"', 'id="next"', 'id="decision"', 'value="add"', "not your data"):
        assert part in page
    assert 'value="add"' not in cast.client(cast.vera).get(f"/projects/{cast.project.code}/summary/").content.decode()


def test_page_of_an_empty_project_says_what_to_do(cast: Cast) -> None:
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/summary/").content.decode()
    assert "Make a ladder" in page
