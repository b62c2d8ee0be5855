"""Claiming: nobody gets a job twice, nobody waits behind another team's heap, limits hold to the last place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories import Cast, make_user
from tests.webapp.jobs.rows import claim, make_job, make_worker
from webapp.jobs.claim import job_claim
from webapp.jobs.ends import End
from webapp.jobs.finish import attempt_finish
from webapp.jobs.models import Attempt, Job, JobEvent, Lease, State
from webapp.jobs.queries import expected_order
from webapp.jobs.services import job_prioritise, job_reorder, queue_pause, team_limit_set
from webapp.projects.models import Project
from webapp.teams.models import Team

DONE = End(outcome="succeeded", code="done", sentence="")


def other_team(name: str = "Other") -> Project:
    team = Team.objects.create(name=name)
    return Project.objects.create(team=team, name=f"{name} project", created_by=make_user(name))


def test_claim_gives_a_lease_an_attempt_a_fence_and_an_event(cast: Cast) -> None:
    job = make_job(cast.project)
    taken = claim(make_worker())
    job.refresh_from_db()
    assert (taken.job_id, taken.fence) == (job.pk, 1)
    assert (job.state, job.fence) == (State.RUNNING, 1)
    assert job.started_at is not None
    assert Attempt.objects.get(job=job).fence == 1
    lease = Lease.objects.get(job=job)
    assert timedelta(seconds=50) < lease.until - lease.renewed_at <= timedelta(seconds=61)
    assert list(JobEvent.objects.filter(job=job).values_list("seq", "type")) == [(1, "queued"), (2, "claimed")]


def test_nothing_to_claim_gives_none(cast: Cast) -> None:
    make_job(cast.project, queue="gpu")
    assert job_claim(worker=make_worker()) is None


def test_many_workers_claim_each_job_once(shared_cast: Cast, at_once: Callable[..., list[Any]]) -> None:
    jobs = {make_job(shared_cast.project).pk for _ in range(40)}
    workers = [make_worker(f"w{i}") for i in range(8)]

    def take_all(number: int) -> list[int]:
        taken = []
        while found := job_claim(worker=workers[number]):
            taken.append(found.job_id)
        return taken

    taken = [job for part in at_once(take_all, 8) for job in part]
    assert sorted(taken) == sorted(jobs)
    assert Job.objects.filter(state=State.RUNNING, fence=1).count() == 40
    assert sum(1 for _ in Attempt.objects.all()) == 40


def test_limit_of_a_team_holds_when_all_claim_at_once(shared_cast: Cast, at_once: Callable[..., list[Any]]) -> None:
    for _ in range(12):
        make_job(shared_cast.project)
    rest = [make_job(other_team().team.projects.get()).pk for _ in range(1)]
    team_limit_set(team=shared_cast.team, max_running=3, max_queued=None)
    workers = [make_worker(f"w{i}") for i in range(8)]
    barrier = threading.Barrier(8)

    def take(number: int) -> Any:
        barrier.wait()
        return job_claim(worker=workers[number])

    taken = [found for found in at_once(take, 8) if found]
    assert len(taken) == 4
    assert Job.objects.filter(team=shared_cast.team, state=State.RUNNING).count() == 3
    assert Job.objects.get(pk=rest[0]).state == State.RUNNING


def test_full_team_does_not_hold_up_another(cast: Cast) -> None:
    make_job(cast.project)
    make_job(cast.project)
    theirs = make_job(other_team())
    team_limit_set(team=cast.team, max_running=1, max_queued=None)
    worker = make_worker()
    assert {claim(worker).job_id, claim(worker).job_id} >= {theirs.pk}
    assert job_claim(worker=worker) is None


def test_paused_queue_gives_nothing_until_it_goes_on(cast: Cast) -> None:
    job = make_job(cast.project)
    worker = make_worker()
    queue_pause(queue="cpu", is_paused=True)
    assert job_claim(worker=worker) is None
    queue_pause(queue="cpu", is_paused=False)
    assert claim(worker).job_id == job.pk


def test_another_teams_first_job_goes_before_the_rest_of_a_heap(cast: Cast) -> None:
    worker = make_worker()
    for _ in range(20):
        make_job(cast.project)
    attempt_finish(claim(worker), DONE)
    theirs = make_job(other_team())
    assert claim(worker).job_id == theirs.pk


def test_what_was_served_more_than_a_day_ago_does_not_count(cast: Cast) -> None:
    worker = make_worker()
    old = make_job(cast.project)
    long_ago = timezone.now() - timedelta(hours=30)
    taken = claim(worker)
    Attempt.objects.filter(job=old).update(started_at=long_ago - timedelta(hours=9))
    attempt_finish(taken, DONE, ended_at=long_ago)
    first = make_job(cast.project)
    theirs = other_team()
    make_job(theirs)
    attempt_finish(claim(worker), DONE)
    assert Job.objects.get(pk=first.pk).state == State.SUCCEEDED


def test_order_is_priority_then_share_then_place(cast: Cast) -> None:
    worker = make_worker()
    first, second, third = (make_job(cast.project) for _ in range(3))
    job_prioritise(job=third, priority=10)
    first.refresh_from_db()
    assert job_reorder(job=second, direction="up")
    expected = [job.pk for job in expected_order(list(Job.objects.filter(state=State.QUEUED)))]
    taken = [claim(worker).job_id for _ in range(3)]
    assert taken == [third.pk, second.pk, first.pk] == expected


def test_reorder_moves_by_one_place_or_to_the_top(cast: Cast) -> None:
    jobs = [make_job(cast.project) for _ in range(4)]

    def order() -> list[int]:
        waiting = Job.objects.filter(state=State.QUEUED).order_by("position")
        return [[job.pk for job in jobs].index(pk) for pk in waiting.values_list("pk", flat=True)]

    job_reorder(job=jobs[3], direction="up")
    assert order() == [0, 1, 3, 2]
    job_reorder(job=jobs[3], direction="top")
    assert order() == [3, 0, 1, 2]
    job_reorder(job=jobs[3], direction="down")
    assert order() == [0, 3, 1, 2]
    assert not job_reorder(job=jobs[0], direction="up")


def test_kind_that_nobody_registered_is_left_in_the_queue(cast: Cast) -> None:
    job = make_job(cast.project)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_job SET kind = 'unheard_of' WHERE id = %s", [job.pk])
    assert job_claim(worker=make_worker()) is None


@pytest.mark.parametrize("direction", ["up", "down", "top"])
def test_job_that_runs_cannot_be_moved(cast: Cast, direction: str) -> None:
    job = make_job(cast.project)
    claim()
    assert not job_reorder(job=job, direction=direction)
