"""Where a process stands among those that share a run, as torchrun's variables say, and what it writes.

Only the first rank writes the journal. How a rank failed goes into a file of its own, for the launcher to judge: when
one is lost the others fail too, and only the launcher sees which came first.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from trainer.events import AnyEvent, Failed, Journal

GROUP_FOLDER = "TRAINER_GROUP_FOLDER"
"""Set by our launcher alone: where its ranks meet, and leave word of how they failed."""
STORE = "store"
Event = TypeVar("Event", bound=AnyEvent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    rank: int
    size: int
    local_rank: int
    num_restarts: int = 0
    """How often the ranks were started before, in this attempt."""

    folder: Path | None = None
    """Where the launcher's ranks meet; None under torchrun itself, which has a store of its own."""

    @property
    def failure(self) -> Path | None:
        return self.folder / f"failed-{self.rank}.json" if self.folder else None


def place_here(environment: Mapping[str, str] = os.environ) -> Place | None:
    """Return this process's place; None where it is alone."""
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return None
    folder = environment.get(GROUP_FOLDER)
    return Place(
        rank=int(environment["RANK"]),
        size=int(environment["WORLD_SIZE"]),
        local_rank=int(environment.get("LOCAL_RANK", environment["RANK"])),
        num_restarts=int(environment.get("TORCHELASTIC_RESTART_COUNT", 0)),
        folder=Path(folder) if folder else None,
    )


class RankJournal(Journal):
    """The attempt's journal as a rank has it: the first goes on with it, the others write nothing."""

    def __init__(self, path: Path, place: Place) -> None:
        self.place = place
        if place.rank == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            self._open(path)

    def write(self, event: AnyEvent) -> AnyEvent:
        if isinstance(event, Failed) and self.place.failure is not None:
            stamped = msgspec.structs.replace(event, at=time.time())
            self.place.failure.write_bytes(msgspec.json.encode(stamped))
            return stamped
        return super().write(event) if self.place.rank == 0 else event

    def close(self) -> None:
        if self.place.rank == 0:
            super().close()


def open_journal(path: Path) -> Journal:
    """Return the journal of an attempt, new, or as this process's place has it."""
    place = place_here()
    return Journal(path) if place is None else RankJournal(path, place)
