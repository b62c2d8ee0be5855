"""Batches made ahead by a thread, so that reading and copying text never keeps the model waiting."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
NUM_AHEAD = 3


class Prefetch(Generic[Item]):
    """Calls `make(step)` for the steps of a range in a thread; iterating gives the results in order."""

    def __init__(self, make: Callable[[int], Item], steps: range) -> None:
        self._ready: queue.Queue[Item | BaseException | None] = queue.Queue(maxsize=NUM_AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(make, steps), name="prefetch", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        while (item := self._ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """End the thread, whatever it is at."""
        self._closed.set()
        self._thread.join()

    def _work(self, make: Callable[[int], Item], steps: range) -> None:
        try:
            for step in steps:
                if not self._put(make(step)):
                    return
            self._put(None)
        except BaseException as error:  # handed to the loop, which knows what to do with it
            self._put(error)

    def _put(self, item: Item | BaseException | None) -> bool:
        while not self._closed.is_set():
            try:
                self._ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False
