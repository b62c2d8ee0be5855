"""The compiled step takes all threads on a free machine and one where others keep the cores busy, and comes back."""

from __future__ import annotations

from trainer.models.gpt.native.threads import LONGEST_PAUSE, Threads


def steps(threads: Threads, count: int, seconds: dict[int, float], num_tokens: int = 1) -> list[int]:
    """Take steps on a machine where so many threads take so long; return the numbers of threads."""
    taken = []
    for _ in range(count):
        taken.append(threads.number())
        threads.took(taken[-1], num_tokens, seconds[taken[-1]])
    return taken


def test_a_free_machine_tries_one_thread_once() -> None:
    assert steps(Threads(2), 500, {2: 0.001, 1: 0.0018}).count(1) == 1


def test_a_machine_that_is_busy_from_the_beginning_is_known_too() -> None:
    assert steps(Threads(2), 200, {2: 0.080, 1: 0.020}).count(2) < 15


def test_a_busy_machine_is_left_to_one_thread_until_it_is_free_again() -> None:
    threads = Threads(2)
    steps(threads, 50, {2: 0.001, 1: 0.0018})
    busy = steps(threads, 500, {2: 0.080, 1: 0.020})
    assert busy.count(2) < 15, "the first steps, then now and then one, to see"
    free = steps(threads, LONGEST_PAUSE + 20, {2: 0.001, 1: 0.0018})
    assert free[-10:] == [2] * 10


def test_threads_that_are_slow_together_but_faster_than_one_stay() -> None:
    threads = Threads(2)
    steps(threads, 50, {2: 0.001, 1: 0.0018})
    assert steps(threads, 200, {2: 0.003, 1: 0.006}).count(2) > 190


def test_more_tokens_are_no_slowness() -> None:
    threads = Threads(2)
    steps(threads, 20, {2: 0.001, 1: 0.0018})
    assert set(steps(threads, 20, {2: 0.008, 1: 0.016}, num_tokens=8)) == {2}


def test_one_thread_is_one_thread() -> None:
    assert set(steps(Threads(1), 50, {1: 0.001})) == {1}
