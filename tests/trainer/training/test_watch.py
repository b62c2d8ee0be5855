"""A run that has gone wrong is ended, and one that only had a bad batch is not."""

from __future__ import annotations

import random

import pytest

from trainer.errors import TrainerError
from trainer.training.watch import LossWatch, spike


def noisy(count: int, level: float, *, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [level + chance.gauss(0, 0.1) for _ in range(count)]


@pytest.mark.parametrize(("loss", "word"), [(float("nan"), "NaN"), (float("inf"), "infinite")])
def test_a_loss_that_is_no_number_ends_the_run(loss: float, word: str) -> None:
    watch = LossWatch([], warmup_steps=0)
    with pytest.raises(TrainerError, match=f"became {word} at step 7. The last good checkpoint is that of step 5") as e:
        watch.read(7, loss, last_checkpoint_step=5)
    assert (e.value.code, e.value.step) == ("nan", 7)


def test_a_rise_that_stays_is_a_spike() -> None:
    assert spike(noisy(100, 3.0) + noisy(10, 6.0)) == pytest.approx(3.0, abs=0.3)


@pytest.mark.parametrize(
    "losses",
    [
        noisy(100, 3.0) + noisy(4, 9.0) + noisy(6, 3.0),  # four bad batches
        noisy(100, 3.0) + noisy(10, 3.6),  # not a whole nat
        [8.0 - 0.03 * step for step in range(110)],  # falling
        noisy(50, 3.0) + noisy(10, 9.0),  # too early to know
    ],
)
def test_what_is_ordinary_is_no_spike(losses: list[float]) -> None:
    assert spike(losses) is None


def test_a_spike_ends_the_run_only_after_the_warm_up() -> None:
    losses = noisy(109, 3.0)[:-9] + noisy(9, 7.0)
    LossWatch(list(losses), warmup_steps=1_000).read(110, 7.0, last_checkpoint_step=None)
    with pytest.raises(TrainerError, match="There is no checkpoint yet") as error:
        LossWatch(list(losses), warmup_steps=10).read(110, 7.0, last_checkpoint_step=None)
    assert error.value.code == "loss_spike"
