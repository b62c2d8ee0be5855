"""From the trainer writing an event to a browser's socket receiving it: a real run, a real installation, 20 viewers.

    python -m benchmarks.event_latency [--viewers 20] [--seconds 20]

Starts an installation of its own, trains a small model in it, opens the sockets, and compares the time at which the
trainer wrote each line of its journal with the time at which each viewer had it. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from datetime import datetime
from statistics import median, quantiles
from typing import Any

from websockets.asyncio.client import connect

from tests.stack.installation import Client, Installation
from tests.stack.jobs_watch import JobUnderTest, inside, start_run

AIM_SECONDS = 0.3
"""Median, with 20 viewers."""


async def view(client: Client, job: JobUnderTest, after: int, until: float) -> list[float]:
    """Be one viewer: return the delay of each event that the trainer wrote while we watched."""
    delays: list[float] = []
    address = f"{client.url.replace('http', 'ws', 1)}/ws/jobs/{job.code}/?after={after}"
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies)
    opened_at = time.time()
    async with connect(address, origin=client.url, additional_headers={"Cookie": cookies}, max_size=None) as socket:  # type: ignore[arg-type]
        while (left := until - time.time()) > 0:
            try:
                text = await asyncio.wait_for(socket.recv(), left)
            except TimeoutError:
                break
            received_at = time.time()
            for event in json.loads(text)["events"]:
                written_at = datetime.fromisoformat(event["at"]).timestamp()
                if event["line"] and written_at > opened_at + 1:
                    delays.append(received_at - written_at)
    return delays


async def view_together(client: Client, job: JobUnderTest, *, num_viewers: int, seconds: float) -> list[float]:
    after, until = int(job.row("last_seq")), time.time() + seconds
    found = await asyncio.gather(*(view(client, job, after, until) for _ in range(num_viewers)))
    return [delay for delays in found for delay in delays]


def measure(*, num_viewers: int, seconds: float) -> dict[str, Any]:
    """Return the delays' quantiles."""
    stack = Installation()
    try:
        stack.start()
        client = stack.client()
        job = start_run(stack, num_steps=1_000_000, every_steps=200)
        job.wait_for_step(50)
        delays = asyncio.run(view_together(client, job, num_viewers=num_viewers, seconds=seconds))
        inside(stack, f"ask({job.code!r}, 'cancel')")
        job.wait_for_end(timeout_seconds=30)
    finally:
        stack.remove()
    cuts = quantiles(delays, n=100)
    return {
        "benchmark": "event_latency",
        "viewers": num_viewers,
        "events_received": len(delays),
        "median_seconds": round(median(delays), 4),
        "p95_seconds": round(cuts[94], 4),
        "p99_seconds": round(cuts[98], 4),
        "max_seconds": round(max(delays), 4),
        "aim_median_seconds": AIM_SECONDS,
        "load_average": round(os.getloadavg()[0], 1),
        "num_cores": os.cpu_count(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    print(json.dumps(measure(num_viewers=options.viewers, seconds=options.seconds)))


if __name__ == "__main__":
    main()
