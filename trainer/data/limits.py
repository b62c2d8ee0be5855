"""Limits that a process sets on itself before it parses files of strangers. The one file that knows the platform.

On Linux: address space, processor time, file size and no core dump. macOS accepts RLIMIT_AS without enforcing it, so
there memory is bounded only by the readers' own limits and by the parent, which ends a child that takes too long;
processor time and file size hold on both.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessLimits:
    """What a child that parses may use."""

    address_space_bytes: int = 3 << 30
    """Address space; libraries alone map about half a GiB of it. Not enforced on macOS."""

    cpu_seconds: int = 30
    """Processor time, after which the kernel ends the process."""

    file_bytes: int = 1 << 30
    """Largest file it may write."""


def limit_this_process(limits: ProcessLimits) -> None:
    """Set the limits; they cannot be raised again afterwards."""
    _set(resource.RLIMIT_CPU, limits.cpu_seconds, hard_after=2)  # SIGXCPU first, which says why it ended; then SIGKILL
    _set(resource.RLIMIT_FSIZE, limits.file_bytes)
    _set(resource.RLIMIT_CORE, 0)
    if sys.platform != "darwin":
        _set(resource.RLIMIT_AS, limits.address_space_bytes)


def _set(which: int, value: int, *, hard_after: int = 0) -> None:
    _, hard = resource.getrlimit(which)
    highest = value + hard_after
    if hard != resource.RLIM_INFINITY:
        value, highest = min(value, hard), min(highest, hard)
    with contextlib.suppress(ValueError, OSError):  # a stricter limit is in force already
        resource.setrlimit(which, (value, highest))
