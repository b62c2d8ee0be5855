"""One JSON line for each contender of a bench, and the files in docs/performance/lines that hold them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.frame.contenders import ROOT

FOLDER = ROOT / "docs" / "performance" / "lines"


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one contender reached in one run. Values of different runs are never divided by each other."""

    bench: str
    contender: str
    shape: str
    value: float
    """Median over the rounds."""

    unit: str
    """Higher is better where it ends in "/s", lower elsewhere."""

    spread: float
    """Half the distance of the quartiles of the rounds."""

    num_rounds: int
    limit: str = ""
    limit_value: float | None = None
    fraction_of_limit: float | None = None
    cpu_share_of_others: float
    """Median over its rounds; over 0.1: measure again."""

    is_peer: bool = False
    """Someone else's work, which ours is held against."""

    target: float | None = None
    """Of ours: the ratio to reach (against the peers named in `against`), or, in a bench without peers, the value."""

    against: list[str] = []
    """The peers that `target` is about; empty: the best of all."""

    facts: dict[str, float | str] = {}
    run: str
    """When the run began: the lines of one run share it."""

    machine: str
    commit: str = ""

    @property
    def is_higher_better(self) -> bool:
        return self.unit.endswith("/s")


def append(lines: list[Line], folder: Path = FOLDER) -> None:
    """Add the lines of a run to the file of their bench."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in lines:
        with (folder / f"{line.bench}.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")


def read_all(folder: Path = FOLDER) -> list[Line]:
    """Return every recorded line, by bench and in the order in which they were recorded."""
    return [
        msgspec.json.decode(text, type=Line)
        for path in sorted(folder.glob("*.jsonl"))
        for text in path.read_bytes().splitlines()
        if text.strip()
    ]


def runs_of(lines: list[Line]) -> dict[tuple[str, str, str], list[list[Line]]]:
    """Return, for each bench, shape and machine, its runs, the newest last; each is the lines of its contenders."""
    found: dict[tuple[str, str, str], dict[str, list[Line]]] = {}
    for line in lines:
        runs = found.setdefault((line.bench, line.shape, line.machine), {})
        runs.setdefault(line.run, []).append(line)
    return {key: [runs[run] for run in sorted(runs)] for key, runs in found.items()}


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as good ours is as the best of the peers that it is held against, in one run."""

    ours: Line
    peer: Line
    value: float


def ratio_of(run: list[Line], ours: Line) -> Ratio | None:
    """Return the ratio of one of our lines to the best peer of its run; None in a bench without peers."""
    peers = [line for line in run if line.is_peer and (not ours.against or line.contender in ours.against)]
    if not peers:
        return None
    better = max if ours.is_higher_better else min
    peer = better(peers, key=lambda line: line.value)
    value = ours.value / peer.value if ours.is_higher_better else peer.value / ours.value
    return Ratio(ours=ours, peer=peer, value=value)
