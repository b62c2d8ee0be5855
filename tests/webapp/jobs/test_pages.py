"""The queue page and the job page, as each kind of person sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import Cast, make_user
from tests.webapp.jobs.rows import claim, make_job, make_worker
from trainer.events import Checkpoint, Message
from webapp.jobs.ends import End
from webapp.jobs.finish import attempt_finish
from webapp.jobs.journal import journal_store
from webapp.jobs.models import Job, Lease, QueueControl, State, TeamLimit, Worker
from webapp.projects.models import Project
from webapp.teams.models import Team

NAN = End(outcome="failed", code="nan", sentence="The loss became NaN at step 5; lower the learning rate.")


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def strangers_job(title: str = "secret plan") -> Job:
    team = Team.objects.create(name="Others Inc")
    project = Project.objects.create(team=team, name="Hidden", created_by=make_user("Olga"))
    return make_job(project, title=title)


def test_queue_shows_ones_own_jobs_by_name_and_others_without(cast: Cast) -> None:
    make_job(cast.project, title="ours 我们的")
    strangers_job()
    text = page(cast.client(cast.vera), "/queue/")
    assert "ours 我们的" in text
    assert "another team's job" in text
    for hidden in ("secret plan", "Others Inc", "Hidden"):
        assert hidden not in text


def test_queue_shows_what_runs_where_with_heartbeat_and_hardware(cast: Cast) -> None:
    hardware = {"processor": "Some CPU 9000", "num_threads": 8, "memory_bytes": 32 * 10**9, "devices": []}
    make_job(cast.project, title="running one")
    claim(make_worker("cpu@box/cpu", hardware=hardware))
    text = page(cast.client(cast.bob), "/queue/")
    for expected in ("running one", "cpu@box/cpu", "Some CPU 9000", "8 threads", "32.0 GB", "working"):
        assert expected in text


def test_silent_worker_and_lapsed_lease_are_shown_as_lost(cast: Cast) -> None:
    make_job(cast.project)
    claim(make_worker("silent"))
    long_ago = timezone.now() - timedelta(minutes=10)
    Worker.objects.update(seen_at=long_ago)
    Lease.objects.update(until=long_ago)
    text = page(cast.client(cast.bob), "/queue/table/")
    assert "no heartbeat" in text
    assert "worker lost" in text


def test_queue_reads_the_database_as_often_for_one_job_as_for_thirty(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        make_job(cast.project)
    client = cast.client(cast.bob)
    client.get("/queue/table/")
    with django_assert_max_num_queries(50):
        client.get("/queue/table/")


def test_member_moves_and_prioritises_and_a_viewer_does_not(cast: Cast) -> None:
    first, second = make_job(cast.project), make_job(cast.project)
    for user, status in ((cast.vera, 403), (cast.charlie, 404)):
        assert cast.client(user).post(f"/jobs/{second.code}/move/", {"direction": "top"}).status_code == status
    answer = cast.client(cast.bob).post(
        f"/jobs/{second.code}/move/", {"direction": "top"}, headers={"hx-request": "true"}
    )
    assert answer.status_code == 200
    second.refresh_from_db()
    assert second.position < first.position
    cast.client(cast.bob).post(f"/jobs/{first.code}/priority/", {"priority": "-10"})
    first.refresh_from_db()
    assert first.priority == -10


def test_high_priority_is_for_admins(cast: Cast) -> None:
    job = make_job(cast.project)
    for user, expected in ((cast.bob, 0), (cast.adam, 10)):
        cast.client(user).post(f"/jobs/{job.code}/priority/", {"priority": "10"})
        job.refresh_from_db()
        assert job.priority == expected


def test_only_staff_pauses_a_queue(cast: Cast) -> None:
    assert cast.client(cast.alice).post("/queue/cpu/pause/", {"paused": "1"}).status_code == 404
    assert not QueueControl.objects.exists()
    cast.alice.is_staff = True
    cast.alice.save()
    assert cast.client(cast.alice).post("/queue/cpu/pause/", {"paused": "1"}).status_code == 302
    assert QueueControl.objects.get(queue="cpu").is_paused
    assert cast.client(cast.alice).post("/queue/nonsense/pause/", {"paused": "1"}).status_code == 404
    assert "paused" in page(cast.client(cast.vera), "/queue/")


def test_admin_of_a_team_sets_its_limits(cast: Cast) -> None:
    address = f"/teams/{cast.team.code}/job-limits/"
    assert cast.client(cast.bob).post(address, {"max_running": "1"}).status_code == 403
    cast.client(cast.adam).post(address, {"max_running": "2", "max_queued": ""})
    limit = TeamLimit.objects.get(team=cast.team)
    assert (limit.max_running, limit.max_queued) == (2, None)
    cast.client(cast.adam).post(address, {"max_running": "-1", "max_queued": ""})
    limit.refresh_from_db()
    assert limit.max_running == 2


def test_job_page_tells_state_reason_attempts_and_events(cast: Cast) -> None:
    job = make_job(cast.project, title="<script>alert(1)</script>", created_by=cast.bob)
    taken = claim(make_worker("cpu@box/cpu"))
    journal_store(
        taken,
        [
            Message(line=1, at=1.7e9, text="Near-duplicates take a while.", level="warning"),
            Checkpoint(line=2, at=1.7e9, step=1_000, path="x", sha256="", size_bytes=5_000_000, is_best=True),
        ],
    )
    attempt_finish(taken, NAN, log_tail="Traceback: the last word")
    text = page(cast.client(cast.vera), f"/jobs/{job.code}/")
    for expected in (
        "failed",
        NAN.sentence,
        "Traceback: the last word",
        "cpu@box/cpu",
        "Near-duplicates take a while.",
        "Checkpoint at step 1,000, 5.00 MB: the best so far.",
        "Put in the queue by Bob.",
    ):
        assert expected in text
    assert "<script>alert" not in text
    assert "Try again" not in text, "a viewer may not"
    assert "Try again" in page(cast.client(cast.bob), f"/jobs/{job.code}/")


@pytest.mark.parametrize(("action", "state"), [("stop", State.STOPPING), ("cancel", State.STOPPING)])
def test_member_stops_and_cancels(cast: Cast, action: str, state: str) -> None:
    job = make_job(cast.project)
    claim()
    assert cast.client(cast.vera).post(f"/jobs/{job.code}/{action}/").status_code == 403
    assert cast.client(cast.charlie).post(f"/jobs/{job.code}/{action}/").status_code == 404
    assert cast.client(cast.bob).get(f"/jobs/{job.code}/{action}/").status_code == 405
    assert cast.client(cast.bob).post(f"/jobs/{job.code}/{action}/").status_code == 302
    job.refresh_from_db()
    assert (job.state, job.stop_request) == (state, action)


def test_retry_goes_to_the_new_job(cast: Cast) -> None:
    job = make_job(cast.project)
    attempt_finish(claim(), NAN)
    answer = cast.client(cast.bob).post(f"/jobs/{job.code}/retry/")
    again = Job.objects.exclude(pk=job.pk).get()
    assert answer["Location"] == f"/jobs/{again.code}/"


def test_events_after_a_number_as_json(cast: Cast) -> None:
    job = make_job(cast.project)
    taken = claim()
    journal_store(taken, [Message(line=1, at=1.7e9, text="你好")])
    news = cast.client(cast.vera).get(f"/jobs/{job.code}/events/?after=2").json()
    assert [event["payload"]["text"] for event in news["events"]] == ["你好"]
    assert (news["last_seq"], news["job"]["state"]) == (3, "running")
    assert cast.client(cast.vera).get(f"/jobs/{job.code}/events/?after=x").json()["events"][0]["seq"] == 1
    assert cast.client(cast.charlie).get(f"/jobs/{job.code}/events/").status_code == 404


def test_log_is_read_in_parts_searched_and_downloaded(cast: Cast, settings: Any, tmp_path: Any) -> None:
    settings.ISOCOST_FILES = tmp_path
    job = make_job(cast.project)
    claim()
    job.refresh_from_db()
    log = job.folder.attempt(1).log
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"step {i} 训练\n" for i in range(100_000)))
    client, address = cast.client(cast.vera), f"/jobs/{job.code}/log/"
    end = client.get(address).json()
    assert end["text"].endswith("step 99999 训练\n")
    assert len(end["text"]) < 300_000
    assert client.get(address, {"offset": end["next_offset"]}).json()["text"] == ""
    assert client.get(address, {"before": end["offset"]}).json()["next_offset"] == end["offset"]
    found = client.get(address, {"search": "step 54321 "}).json()["matches"]
    assert [match["line"] for match in found] == [54_322]
    answer: Any = client.get(f"{address}download/")
    assert b"".join(answer) == log.read_bytes()
    part: Any = client.get(f"{address}download/", headers={"range": "bytes=5-14"})
    assert (part.status_code, b"".join(part)) == (206, log.read_bytes()[5:15])
    assert "attachment" in answer["Content-Disposition"]
    assert cast.client(cast.charlie).get(f"{address}download/").status_code == 404


def test_admin_shows_jobs_read_only_with_two_actions(cast: Cast) -> None:
    cast.alice.is_staff = cast.alice.is_superuser = True
    cast.alice.save()
    client = cast.client(cast.alice)
    failed, waiting = make_job(cast.project, title="failed one"), None
    attempt_finish(claim(), NAN)
    waiting = make_job(cast.project, title="waiting one")
    assert "failed one" in page(client, "/admin/jobs/job/")
    assert 'name="_save"' not in page(client, f"/admin/jobs/job/{failed.pk}/change/")
    for model in ("attempt", "jobevent", "lease", "worker", "queuecontrol", "teamlimit"):
        page(client, f"/admin/jobs/{model}/")
    client.post("/admin/jobs/job/", {"action": "cancel_jobs", "_selected_action": [waiting.pk]})
    waiting.refresh_from_db()
    assert waiting.state == State.CANCELLED
    client.post("/admin/jobs/job/", {"action": "retry_jobs", "_selected_action": [failed.pk]})
    assert Job.objects.filter(title="failed one").count() == 2
