"""Devices of one host that a job takes together. Each worker of the queue `gpu` has one device; a job that wants several
is claimed by one of them, and others lend theirs: while its lease stands they claim nothing.

Who claims locks the host's workers first, so that no device is taken twice. A job that wants more than are free is waited
for: what stands behind it does not start on this host meanwhile, or it might never find enough of them free at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from webapp.jobs.clock import clock_plus
from webapp.jobs.models import Lease, Queue, Worker


@dataclass(frozen=True, kw_only=True, slots=True)
class HostDevices:
    """What there is for a job that a worker may claim."""

    num_here: int = 1
    """On the worker's host, its own device included, whoever uses them now."""

    num_most: int = 1
    """On the host that has most: a job that wants more gets so many."""

    free: tuple[Worker, ...] = ()
    """Other workers of the host whose devices nobody uses."""

    is_lent: bool = False
    """The worker's own device is in another's job."""

    def lenders(self, num_devices: int) -> tuple[Worker, ...] | None:
        """Return who lends a device to a job that wants so many; None where too few are free."""
        num_others = min(num_devices, self.num_most) - 1
        return self.free[:num_others] if len(self.free) >= num_others else None


def lock_devices(worker: Worker) -> HostDevices:
    """Keep the devices of the worker's host as they are for the rest of this transaction, and return what there is."""
    if worker.queue != Queue.GPU:
        return HostDevices()
    on_host = Worker.objects.filter(queue=Queue.GPU, host=worker.host)
    list(on_host.select_for_update().order_by("pk").values_list("pk"))
    leases = list(Lease.objects.filter(worker__queue=Queue.GPU).values_list("worker_id", "lent_by"))
    lent = {pk for _, lent_by in leases for pk in lent_by}
    used = lent | {pk for pk, _ in leases}
    alive = list(_alive().exclude(pk=worker.pk))
    counts = Counter([worker.host, *(each.host for each in alive)])
    here = [each for each in alive if each.host == worker.host and each.device == worker.device]
    return HostDevices(
        num_here=counts[worker.host],
        num_most=max(counts.values()),
        free=tuple(each for each in here if each.pk not in used),
        is_lent=worker.pk in lent,
    )


def num_devices_at_most() -> int:
    """Return how many devices a job of the queue `gpu` can have at once: those of the host that has most."""
    return max(Counter(_alive().values_list("host", flat=True)).values(), default=1)


def _alive() -> QuerySet[Worker]:
    """Return the workers of the queue that are there, in a fixed order."""
    seen = clock_plus(-settings.ISOCOST_LEASE_SECONDS)
    return Worker.objects.filter(queue=Queue.GPU, stopped_at=None, seen_at__gt=seen).order_by("pk")
