"""A small training in an installation of its own, with sockets that watch it: what the latency benchmarks share."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from statistics import median, quantiles
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.stack.installation import Client, Installation
from tests.stack.jobs_watch import JobUnderTest, inside, start_run

AIM_SECONDS = 0.3
"""Median, with 20 viewers."""
Take = Callable[[dict[str, Any], float], None]
"""What a viewer does with a message, and the time at which it came."""


@contextmanager
def training_run() -> Iterator[tuple[Installation, JobUnderTest]]:
    """Yield an installation with a training that does not end by itself; both are gone afterwards."""
    stack = Installation()
    try:
        stack.start()
        job = start_run(stack, num_steps=1_000_000, every_steps=200)
        job.wait_for_step(50)
        yield stack, job
        inside(stack, f"ask({job.code!r}, 'cancel')")
        job.wait_for_end(timeout_seconds=30)
    finally:
        stack.remove()


class Viewers(threading.Thread):
    """So many sockets on one address, read as their news come, until `close`."""

    def __init__(self, client: Client, path: str, *, number: int, take: Take) -> None:
        super().__init__(daemon=True, name="viewers")
        self._address = f"{client.url.replace('http', 'ws', 1)}{path}"
        self._client, self._number, self._take = client, number, take
        self._closing = threading.Event()
        self.num_joined = 0
        self.start()

    def run(self) -> None:
        asyncio.run(self._view_together())

    def close(self) -> None:
        self._closing.set()
        self.join()

    async def _view_together(self) -> None:
        tasks = [asyncio.create_task(self._view()) for _ in range(self._number)]
        await asyncio.to_thread(self._closing.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _view(self) -> None:
        headers = {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._client.cookies)}
        with suppress(OSError, WebSocketException):
            async with connect(
                self._address,
                origin=self._client.url,  # type: ignore[arg-type]
                additional_headers=headers,
                max_size=None,
            ) as socket:
                self.num_joined += 1
                async for text in socket:
                    self._take(json.loads(text), time.time())


def latency_figures(delays: Sequence[float]) -> dict[str, float]:
    """Return the quantiles of delays, in seconds."""
    cuts = quantiles(delays, n=100)
    return {
        "median_seconds": round(median(delays), 4),
        "p95_seconds": round(cuts[94], 4),
        "p99_seconds": round(cuts[98], 4),
        "max_seconds": round(max(delays), 4),
    }


def machine_figures() -> dict[str, Any]:
    return {"load_average": round(os.getloadavg()[0], 1), "num_cores": os.cpu_count()}


def latency_options(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    return parser.parse_args()
