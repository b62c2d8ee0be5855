"""Metrics come in blocks: the first steps at once, later ones a few times a second, in order, none lost."""

from __future__ import annotations

import time

import pytest
import torch

from trainer.events import AnyEvent, Metrics, Progress
from trainer.training.batches import Prefetch
from trainer.training.meter import NUM_FIRST_STEPS, Meter, MeteredStep


def step(number: int, loss: float = 1.0) -> MeteredStep:
    return MeteredStep(number, torch.tensor(loss), torch.tensor(0.5), 0.001, 0.1 * number, 64)


def make_meter(events: list[AnyEvent], losses: list[tuple[int, float]]) -> Meter:
    return Meter(
        events.append,
        first_step=0,
        num_steps=1_000,
        device="cpu",
        on_loss=lambda number, loss: losses.append((number, loss)),
    )


def blocks(events: list[AnyEvent]) -> list[list[int]]:
    return [event.steps for event in events if isinstance(event, Metrics) and "train/loss" in event.values]


def test_first_steps_are_told_at_once_and_later_ones_in_blocks() -> None:
    events: list[AnyEvent] = []
    losses: list[tuple[int, float]] = []
    meter = make_meter(events, losses)
    for number in range(1, 501):
        meter.add(step(number))
    meter.flush()
    assert blocks(events)[:NUM_FIRST_STEPS] == [[n] for n in range(1, NUM_FIRST_STEPS + 1)]
    assert [n for block in blocks(events) for n in block] == list(range(1, 501))
    assert len(blocks(events)) < 100
    assert [number for number, _ in losses] == list(range(1, 501))


def test_what_is_no_number_is_null_and_still_judged() -> None:
    events: list[AnyEvent] = []
    losses: list[tuple[int, float]] = []
    make_meter(events, losses).add(step(1, float("nan")))
    assert events[0].values["train/loss"] == [None]  # type: ignore[union-attr]
    assert losses[0][1] != losses[0][1]


def test_time_left_follows_the_pace() -> None:
    events: list[AnyEvent] = []
    meter = make_meter(events, [])
    time.sleep(0.1)
    meter.add(step(1))
    left = next(event.seconds_left for event in events if isinstance(event, Progress))
    assert left == pytest.approx(100, rel=1)


def test_prefetch_keeps_the_order_and_passes_errors_on() -> None:
    assert list(Prefetch(lambda n: n * n, range(20))) == [n * n for n in range(20)]

    def broken(number: int) -> int:
        if number == 3:
            raise ValueError("the third")
        return number

    items = iter(Prefetch(broken, range(10)))
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(items)


def test_prefetch_ends_when_closed() -> None:
    batches = Prefetch(lambda n: n, range(10**9))
    assert next(iter(batches)) == 0
    batches.close()
    assert not batches._thread.is_alive()
