"""The lease of a running job: renewed from a thread and a connection of its own, whatever the trainer is doing.

A lapsed lease that nobody reaped is renewed like any other. A connection error says nothing about the lease: only an
answer of "no such row" means that the job was taken away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import connection

from webapp.jobs.claim import Claim
from webapp.jobs.doorbell import supervisor_channel
from webapp.jobs.errors import Fenced
from webapp.jobs.steady import LOST

log = logging.getLogger(__name__)
LISTEN_SLICE_SECONDS = 0.25
"""The thread looks up so often to see whether it is still needed."""

RENEW_SQL = """
    UPDATE jobs_lease lease
       SET until = clock_timestamp() + %(seconds)s * interval '1 second', renewed_at = clock_timestamp()
      FROM jobs_job job
     WHERE job.id = %(job_id)s AND job.fence = %(fence)s AND job.state IN ('running', 'stopping')
       AND lease.job_id = job.id AND lease.fence = job.fence
 RETURNING job.stop_request
"""


def lease_renew(claim: Claim) -> str:
    """Renew the lease and return what was asked of the job (``, stop or cancel); raise `Fenced` if it was taken away."""
    with connection.cursor() as cursor:
        cursor.execute(
            RENEW_SQL, {"seconds": settings.ISOCOST_LEASE_SECONDS, "job_id": claim.job_id, "fence": claim.fence}
        )
        row = cursor.fetchone()
    if row is None:
        raise Fenced(f"attempt {claim.fence} of job {claim.job_id} lost its lease")
    return str(row[0])


class LeaseKeeper:
    """Keeps a lease alive and carries messages: `stop_request` and `is_fenced` are read by the supervisor."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.stop_request = ""
        self.is_fenced = False
        self.on_renewal: Callable[[], None] = lambda: None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease-{claim.job_id}", daemon=True)

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def let_go(self) -> None:
        """Renew no more: the attempt has ended, and its lease with it."""
        self._closed.set()

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            while not self._closed.is_set() and not self.is_fenced:
                self._renew_then_listen()
        finally:
            connection.close()

    def _renew_then_listen(self) -> None:
        try:
            self._listen()
            self.stop_request = lease_renew(self.claim)
            self.on_renewal()
            self._wait_for_doorbell(settings.ISOCOST_RENEW_SECONDS)
        except Fenced as error:
            log.warning("%s", error)
            self.is_fenced = True
        except LOST as error:
            log.warning("the lease of job %s could not be renewed, trying again: %s", self.claim.job_id, error)
            self._begin_again()
        except Exception:  # whatever it was, a keeper that gives up would lose the job
            log.exception("the lease of job %s could not be renewed, trying again", self.claim.job_id)
            self._begin_again()

    def _begin_again(self) -> None:
        connection.close()
        self._closed.wait(min(0.5, settings.ISOCOST_RENEW_SECONDS))

    def _listen(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f'LISTEN "{supervisor_channel(self.claim.job_id)}"')

    def _wait_for_doorbell(self, seconds: float) -> None:
        """Return when the doorbell rings, when it is time to renew, or when the keeper is closed."""
        assert connection.connection is not None
        ends = time.monotonic() + seconds
        while not self._closed.is_set() and (left := ends - time.monotonic()) > 0:
            with connection.wrap_database_errors:  # psycopg is asked directly here
                if any(connection.connection.notifies(timeout=min(left, LISTEN_SLICE_SECONDS), stop_after=1)):
                    return
