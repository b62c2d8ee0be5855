"""The clock: sends what is due now and then. A thread of the light worker, since every such message is for that worker.

A process of its own would hold all of the code in memory once more, only to sleep.
"""

from __future__ import annotations

import logging
import threading
import time

from celery.beat import Scheduler, Service

from webapp.celery import app

log = logging.getLogger(__name__)
RETRY_SECONDS = 5.0


def beat_start() -> None:
    """Start the thread; it ends with its process."""
    logging.getLogger("celery.beat").setLevel(logging.WARNING)  # what it sends, the worker says when it comes
    threading.Thread(target=_beat, name="beat", daemon=True).start()


def _beat() -> None:
    while True:
        try:
            Service(app, scheduler_cls=Scheduler).start()  # keeps no file: every interval is short
        except Exception:
            log.exception("the clock stumbled; it goes on")
        time.sleep(RETRY_SECONDS)
