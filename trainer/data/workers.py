"""Worker processes for the first pass: bounded work in flight, results in order, gone when their parent is gone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from trainer.cores import usable_cores
from trainer.errors import TrainerError

Result = TypeVar("Result")

_PLATFORM_WAIT_SECONDS = 0.2


def num_cores(wanted: int = 0) -> int:
    """Return how many processor cores to use: as many as wanted, or all that this process may run on."""
    return wanted or usable_cores()


def prepare_process(num_threads: int = 1) -> None:
    """Set up a worker process: threads of native code, no reaction to Ctrl-C, and an end when the parent ends."""
    os.environ["RAYON_NUM_THREADS"] = os.environ["POLARS_MAX_THREADS"] = str(num_threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if num_threads > 1 else "false"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def map_in_order(
    function: Callable[..., Result],
    calls: Iterable[tuple[Any, ...]],
    *,
    num_workers: int,
    check_stop: Callable[[], None],
) -> Iterator[Result]:
    """Yield `function(*call)` for each call, in order. At most two calls a worker are in flight, so memory is bounded."""
    if num_workers == 1:
        for call in calls:
            check_stop()
            yield function(*call)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(num_workers, mp_context=context, initializer=prepare_process)
    pending: deque[Future[Result]] = deque()
    try:
        for call in calls:
            pending.append(pool.submit(function, *call))
            while len(pending) > 2 * num_workers or (pending and pending[0].done()):
                yield _wait(pending.popleft(), check_stop)
        while pending:
            yield _wait(pending.popleft(), check_stop)
    except BrokenProcessPool as error:
        raise TrainerError(
            "A worker process was ended from outside, most often because memory was short. Free some memory, or use "
            "fewer threads.",
            code="out_of_memory",
        ) from error
    finally:
        _end(pool)


def _wait(future: Future[Result], check_stop: Callable[[], None]) -> Result:
    while True:
        check_stop()
        try:
            return future.result(timeout=_PLATFORM_WAIT_SECONDS)
        except TimeoutError:
            if future.done():
                raise


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        if process.is_alive():
            process.terminate()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
