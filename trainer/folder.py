"""Where the files of a job lie. The one place that knows the layout of a job folder.

<job>/spec.json                             what to do, resolved
<job>/attempts/<fence>/attempt.json         what the supervisor tells this attempt
<job>/attempts/<fence>/events.jsonl         its journal
<job>/attempts/<fence>/log.txt              its standard output and error
<job>/attempts/<fence>/checkpoints/<step>/  complete checkpoints
<job>/attempts/<fence>/artifacts/           what it made; published by a row that carries the fence
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptSpec:
    """What the supervisor decides for one attempt, and nothing of what the job is."""

    fence: int
    device: str = "auto"
    """`auto`, `cpu`, `mps`, `cuda` or `cuda:N`."""

    num_devices: int = 0
    """How many were claimed for the job, which asked for several; 0: nobody claimed any, and the spec says how many."""

    resume_from: list[str] = field(default_factory=list)
    """Folders of published checkpoints, best candidate first; the first that verifies is used. Empty: start at step 0."""


@dataclass(frozen=True, slots=True)
class JobFolder:
    path: Path

    @property
    def spec(self) -> Path:
        return self.path / "spec.json"

    def attempt(self, fence: int) -> AttemptFolder:
        return AttemptFolder(self.path / "attempts" / str(fence))

    def fences(self) -> list[int]:
        """Fences of the attempts that lie here, ascending."""
        return sorted(int(folder.name) for folder in (self.path / "attempts").glob("*") if folder.name.isdigit())


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    path: Path

    @property
    def spec(self) -> Path:
        return self.path / "attempt.json"

    @property
    def journal(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    def write_spec(self, spec: AttemptSpec) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.spec.write_bytes(msgspec.json.encode(spec))

    def read_spec(self) -> AttemptSpec:
        return msgspec.json.decode(self.spec.read_bytes(), type=AttemptSpec)
