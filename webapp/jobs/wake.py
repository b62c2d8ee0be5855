"""Waking a queue: a Celery message that says only "this queue has work". Lost or doubled, it does no harm."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

log = logging.getLogger(__name__)
LEAST_EXPIRY_SECONDS = 10
"""A machine under load must get to its messages before they expire."""


def queue_wake(queue: str) -> bool:
    """Send a wake-up unless one is under way, and return whether one was sent. A broker that is down is no error."""
    from webapp.jobs.tasks import work

    seconds = max(1, round(settings.ISOCOST_SWEEP_SECONDS))
    expires = max(seconds, LEAST_EXPIRY_SECONDS)
    try:
        if not cache.add(_key(queue), 1, timeout=seconds):
            return False
        work.apply_async(args=[queue], queue=queue, expires=expires, retry=False)
    except Exception as error:  # the sweeper wakes the queue when the broker is back
        log.warning("queue %s was not woken: %s", queue, error)
        return False
    return True


def queue_wake_on_commit(queue: str) -> None:
    """Wake the queue once this transaction is committed."""
    transaction.on_commit(lambda: queue_wake(queue))


def queue_woken(queue: str) -> None:
    """Say that a wake-up arrived, so that the next one is sent."""
    try:
        cache.delete(_key(queue))
    except Exception as error:
        log.info("the mark of queue %s was not taken away: %s", queue, error)


def _key(queue: str) -> str:
    return f"jobs.wake.{queue}"
