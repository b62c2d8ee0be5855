"""How many threads do a step: all of them on a machine that is free, one where others keep the cores busy.

Threads meet some sixty times a token. Where other programs want the same cores, one of them is always waiting for its turn
while the rest wait for it: measured on two cores with six busy programs, one thread was ten times as fast as two.
"""

from __future__ import annotations

FIRST_TRY = 4
"""The step that is done by one thread to see how it does; those before warm up."""
SLOW = 2.0
"""A step of all threads that takes so many times its best may have lost a core: one thread is worth another try."""
SMOOTHING = 0.3
FIRST_PAUSE, LONGEST_PAUSE = 16, 256
"""Steps between tries of what was slower; doubled each time that it still is."""


class Threads:
    """Chooses the number for the next step from how long the last ones took."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._best: dict[int, float] = {}
        """Tokens of a step -> seconds of the fastest by all threads: what slowness is measured against."""
        self._slowness: dict[int, float] = {}
        """Number of threads -> seconds of its steps over the best of as many tokens, smoothed."""
        self._num_steps, self._since_try, self._pause = 0, 0, FIRST_PAUSE

    def number(self) -> int:
        """Return how many threads the next step is to take."""
        if self._most == 1 or self._most not in self._slowness:
            return self._most
        if 1 not in self._slowness:
            return 1 if self._num_steps >= FIRST_TRY else self._most
        is_due = self._since_try >= self._pause
        if self._is_one_faster:
            return self._most if is_due else 1
        return 1 if is_due and self._slowness[self._most] >= SLOW else self._most

    def took(self, number: int, num_tokens: int, seconds: float) -> None:
        """Learn from a step of so many tokens."""
        if number == self._most:
            self._best[num_tokens] = min(seconds, self._best.get(num_tokens, seconds))
        if num_tokens not in self._best:
            return
        slowness = seconds / self._best[num_tokens]
        is_try = 1 in self._slowness and (number == 1) != self._is_one_faster
        before = slowness if is_try else self._slowness.get(number, slowness)
        self._slowness[number] = before + SMOOTHING * (slowness - before)
        if is_try:
            is_faster = (number == 1) == self._is_one_faster
            self._pause = FIRST_PAUSE if is_faster else min(2 * self._pause, LONGEST_PAUSE)
        self._since_try = 0 if is_try else self._since_try + 1
        self._num_steps += 1

    @property
    def _is_one_faster(self) -> bool:
        return self._slowness.get(1, float("inf")) < self._slowness.get(self._most, float("inf"))
