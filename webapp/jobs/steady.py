"""A lost connection is no answer: what to catch, and how to go on until the database answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

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
