"""Keeps what libraries log about themselves out of the log that a user reads."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly(*names: str, level: int) -> Iterator[None]:
    """Let these loggers speak only from `level` on, and warnings not at all."""
    loggers = [logging.getLogger(name) for name in names]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, old in zip(loggers, before, strict=True):
            each.setLevel(old)
