"""Several devices for one job: all taken in one claim or none, nobody's twice, and free again when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.factories import Cast
from tests.webapp.jobs.rows import claim, make_job
from webapp.jobs.claim import Claim, job_claim
from webapp.jobs.ends import End
from webapp.jobs.finish import attempt_finish
from webapp.jobs.models import Attempt, Job, Lease, State, Worker
from webapp.jobs.reap import leases_reap

DONE = End(outcome="succeeded", code="done", sentence="")


def gpu_workers(count: int, *, host: str = "here") -> list[Worker]:
    return [
        Worker.objects.create(name=f"gpu{n}@{host}", host=host, queue="gpu", device="cuda:0", visible=str(n))
        for n in range(count)
    ]


def wide_job(cast: Cast, num_devices: int, **changes: Any) -> Job:
    return make_job(cast.project, queue="gpu", num_devices=num_devices, **changes)


def test_a_job_takes_all_its_devices_in_one_claim_and_gives_them_back(cast: Cast) -> None:
    first, second, third = gpu_workers(3)
    wide, narrow = wide_job(cast, 2), wide_job(cast, 1)
    taken = claim(first)
    assert (taken.job_id, taken.num_devices, taken.visible) == (wide.pk, 2, ("0", "1"))
    assert Lease.objects.get(job=wide).lent_by == [second.pk]
    assert Attempt.objects.get(job=wide).num_devices == 2
    assert job_claim(worker=second) is None, "its device is in the wide job"
    assert claim(third).job_id == narrow.pk
    wide_job(cast, 1)
    attempt_finish(taken, DONE)
    assert claim(second).num_devices == 0, "one that asked for one is told of none"


def test_a_job_waits_for_enough_devices_and_what_is_behind_it_does_not_take_them(cast: Cast) -> None:
    first, second = gpu_workers(2)
    short, wide, behind = wide_job(cast, 1), wide_job(cast, 2), wide_job(cast, 1)
    running = claim(second)
    assert running.job_id == short.pk
    assert job_claim(worker=first) is None
    attempt_finish(running, DONE)
    assert claim(first).job_id == wide.pk
    assert job_claim(worker=second) is None
    assert Job.objects.get(pk=behind.pk).state == State.QUEUED


def test_a_host_with_fewer_devices_leaves_a_job_to_one_with_more(cast: Cast) -> None:
    small, *_large = [*gpu_workers(1, host="small"), *gpu_workers(3, host="large")]
    wide, narrow = wide_job(cast, 3), wide_job(cast, 1)
    assert claim(small).job_id == narrow.pk
    assert claim(_large[1]).job_id == wide.pk


def test_a_device_that_was_lost_is_done_without(cast: Cast) -> None:
    first, second = gpu_workers(2)
    wide = wide_job(cast, 2)
    Worker.objects.filter(pk=second.pk).update(seen_at=timezone.now() - timedelta(hours=1))
    taken = claim(first)
    assert (taken.job_id, taken.num_devices, taken.visible) == (wide.pk, 1, ("0",))


def test_a_lapsed_lease_frees_all_its_devices(cast: Cast, settings: Any) -> None:
    settings.ISOCOST_REAP_GRACE_SECONDS = 0
    first, second = gpu_workers(2)
    wide = wide_job(cast, 2)
    claim(first)
    Lease.objects.filter(job=wide).update(until=timezone.now() - timedelta(seconds=1))
    assert leases_reap() == 1
    again = claim(second)
    assert (again.job_id, again.fence, again.num_devices) == (wide.pk, 2, 2)
    assert Lease.objects.get(job=wide).lent_by == [first.pk]


def test_no_device_is_taken_twice_when_all_claim_at_once(shared_cast: Cast, at_once: Callable[..., list[Any]]) -> None:
    workers = gpu_workers(6)
    for number in range(12):
        wide_job(shared_cast, 1 + number % 3)
    barrier = threading.Barrier(6)

    def take(number: int) -> Claim | None:
        barrier.wait()
        return job_claim(worker=workers[number])

    taken = [found for found in at_once(take, 6) if found]
    leases = Lease.objects.values_list("worker_id", "lent_by")
    used = [pk for worker, lent_by in leases for pk in (worker, *lent_by)]
    assert len(used) == len(set(used)) <= 6
    assert len(used) >= 4, "at most the two that a job of three lacks stay free"
    assert {found.job_id for found in taken} == set(Lease.objects.values_list("job_id", flat=True))
