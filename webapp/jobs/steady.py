"""A lost connection is no answer: what to catch, and how to go on until the database answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

log = logging.getLogger(__name__)
T = TypeVar("T")

LOST = (OperationalError, InterfaceError)
"""The database is away, or could not do it this time. Says nothing about the row."""
RETRY_SECONDS = 0.5


def steadily(action: Callable[[], T], *, give_up: Callable[[], bool] = lambda: False) -> T:
    """Do something until the database answers; with `give_up`, raise its error when that says so."""
    while True:
        try:
            return action()
        except LOST as error:
            connection.close()
            if give_up():
                raise
            log.warning("the database does not answer, trying again: %s", error)
            time.sleep(RETRY_SECONDS)


def guarded(hook: Callable[..., Any], *args: Any) -> None:
    """Call a hook of another app. One that fails is logged and undone: the job must go on, and end, all the same."""
    try:
        with transaction.atomic():
            hook(*args)
    except LOST:
        raise
    except Exception:
        log.exception("hook %s failed for %s; correct it by hand", getattr(hook, "__qualname__", hook), args)
