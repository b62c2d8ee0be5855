"""What became slower: `python -m benchmarks.frame.check` prints every ratio that fell by over a tenth between two runs.

A ratio is ours to the best peer of the same run; in a bench without peers, ours to the machine's limit, or else the
value itself. The newest recorded run of each bench, shape and machine is held against the one before. Ends with 1 where
something fell.
"""

from __future__ import annotations

import sys

from benchmarks.frame.lines import Line, ratio_of, read_all, runs_of

FALL = 0.10


def main() -> int:
    fallen = [text for runs in runs_of(read_all()).values() if len(runs) > 1 for text in falls(runs[-2], runs[-1])]
    print("\n".join(fallen) or "Nothing fell by over 10 % against the run recorded before.")
    return 1 if fallen else 0


def falls(before: list[Line], now: list[Line]) -> list[str]:
    """Return a sentence for each of our contenders that fell."""
    found = []
    earlier = {line.contender: line for line in before if not line.is_peer}
    for line in now:
        if line.is_peer or line.contender not in earlier:
            continue
        old, new, what = strength(before, earlier[line.contender]), strength(now, line), basis(now, line)
        if new < old * (1 - FALL):
            noisy = " (others used the machine: measure again)" if line.cpu_share_of_others > FALL else ""
            found.append(
                f"{line.bench}, {line.shape}, {line.contender}: {what} fell from {old:.3g} to {new:.3g}, "
                f"{100 * (new / old - 1):.0f} %{noisy}"
            )
    return found


def strength(run: list[Line], ours: Line) -> float:
    """Return the figure that is compared between runs: higher is better."""
    if ratio := ratio_of(run, ours):
        return ratio.value
    if ours.fraction_of_limit is not None:
        return ours.fraction_of_limit
    return ours.value if ours.is_higher_better else 1 / ours.value


def basis(run: list[Line], ours: Line) -> str:
    if ratio := ratio_of(run, ours):
        return f"the ratio to {ratio.peer.contender}"
    return "the fraction of the limit" if ours.fraction_of_limit is not None else f"the rate ({ours.unit})"


if __name__ == "__main__":
    sys.exit(main())
