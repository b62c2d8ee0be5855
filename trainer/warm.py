"""A process with PyTorch in memory that makes a copy of itself for each job: a trainer starts in hundredths of a second.

    python -m trainer warm SECONDS ...       its standard input is a unix socket, whose other end a worker holds

An order is the command line of one attempt (`["run", <job folder>, ...]`, JSON) with three descriptors: the attempt's
standard input, its log, and a socket on which its process id is told, and how it exited once it has. The copy then does
what `python -m trainer run ...` does, in a process group of its own. This process does nothing of any job: no thread,
no tensor, no device, so that each copy begins as a fresh process does. It ends when the worker is gone, or when nothing
was ordered for so many seconds. Linux alone: elsewhere the system's own libraries do not survive a fork.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

PRELOADED = ("trainer.training.job", "trainer.calibrate.job", "trainer.inference.evaluate", "torch._dynamo")
"""What nearly every job loads: with these in memory the rest takes hundredths of a second."""

MAX_ORDER_BYTES = 1 << 16
NUM_DESCRIPTORS = 3


@dataclass(frozen=True, slots=True)
class Copy:
    """A forked process at work."""

    pid: int
    exit_descriptor: int
    """Becomes readable when the process ends."""

    told: socket.socket


def serve(orders: socket.socket, *, idle_seconds: float) -> None:
    """Fork a process for each order, tell how each ends; return when there is nothing to do any more."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a copy would touch, and so double, every page of these
    copies: dict[int, Copy] = {}
    is_open = True
    while is_open or copies:
        waiting = select.poll()
        for descriptor in (*copies, *([orders.fileno()] if is_open else [])):
            waiting.register(descriptor, select.POLLIN)
        ready = waiting.poll(None if copies else idle_seconds * 1000)
        if not ready:
            return
        for descriptor, _ in ready:
            if descriptor in copies:
                tell_end(copies.pop(descriptor))
            elif copy := take_order(orders, list(copies.values())):
                copies[copy.exit_descriptor] = copy
            else:
                is_open = False  # no order will come; copies at work go on, or see themselves that the worker is gone


def take_order(orders: socket.socket, copies: list[Copy]) -> Copy | None:
    """Fork for the next order; return None where no order will come."""
    message, descriptors, _, _ = socket.recv_fds(orders, MAX_ORDER_BYTES, NUM_DESCRIPTORS)
    if len(descriptors) != NUM_DESCRIPTORS:
        return None
    standard_input, log, told = descriptors
    channel = socket.socket(fileno=told)
    pid = os.fork()
    if pid == 0:
        for copy in copies:  # what is left open here would hide from others that this process's parent has died
            os.close(copy.exit_descriptor)
            copy.told.close()
        orders.close()
        channel.close()
        do_attempt(json.loads(message), standard_input, log)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)  # here too: whoever hears of it may signal the group at once
    os.close(standard_input)
    os.close(log)
    with contextlib.suppress(OSError):
        channel.sendall(f"{pid}\n".encode())
    return Copy(pid, os.pidfd_open(pid), channel)


def do_attempt(arguments: list[str], standard_input: int, log: int) -> None:
    """Be the trainer of one attempt, to the end of this process."""
    from trainer.cli.main import main

    code = 1
    try:
        os.setpgid(0, 0)
        for descriptor, place in ((standard_input, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, place)
        os.close(standard_input)
        os.close(log)
        show_command([sys.executable, "-m", "trainer", *arguments])
        code = main(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def tell_end(copy: Copy) -> None:
    """Say how a process exited: its code, or minus the signal that ended it."""
    _, status = os.waitpid(copy.pid, 0)
    os.close(copy.exit_descriptor)
    with contextlib.suppress(OSError):
        copy.told.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    copy.told.close()


def show_command(command: list[str]) -> None:
    """Let lists of processes show the command of the attempt instead of our own, as far as there is room for it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end = int(after_name[45]), int(after_name[46])  # arg_start and arg_end of proc(5)
        text = b"\0".join(word.encode() for word in command)[: end - begin - 1]
        ctypes.memmove(begin, text.ljust(end - begin, b"\0"), end - begin)
