"""The checks of a table: of what the model reads of each row, and of what it tells; every decision goes to a log.

{"row": 3, "guard": "Privacy", "direction": "input", "action": "mask", "reason": "personal data: email (1)", ...}
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from trainer.guards import Decision, GuardRule, checked

GUARD_COLUMNS = ("read", "guard")


class TableGuards:
    """Checks the rows of one table in turn: `read` of a batch first, then `told` and `cells` row by row."""

    def __init__(self, rules: list[GuardRule], log: Path) -> None:
        self.rules, self.log, self.num_decisions = rules, log, 0
        self._file: BinaryIO | None = None
        self._of_row: dict[int, list[Decision]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, row: int, text: str) -> str:
        """Return a row's text as the model may read it; empty where it is refused."""
        verdict = checked(text, self.rules, direction="input")
        self._note(row, verdict.decisions)
        return "" if verdict.is_refused else verdict.text

    def told(self, row: int, answer: dict[str, Any]) -> dict[str, Any]:
        """Return a row's answer as it may be told: what was written, and the names of the labels."""
        if not self.rules:
            return answer
        answer = {**answer, **{name: self._labels(row, answer[name]) for name in ("all", "labels") if name in answer}}
        if isinstance(answer.get("written"), str):
            verdict = checked(answer["written"], self.rules, direction="output")
            self._note(row, verdict.decisions)
            answer["written"] = verdict.text
        return answer

    def cells(self, row: int, read: str) -> list[str]:
        """Return the added cells of a row once it was told."""
        if not self.rules:
            return []
        decisions = self._of_row.pop(row, [])
        return [read, "; ".join(f"{each.action} {each.direction}: {each.reason}" for each in decisions)]

    def sentence(self) -> str:
        if not self.num_decisions:
            return ""
        return f" The guard rails decided {self.num_decisions:,} times; {self.log.name} says where and why."

    def _labels(self, row: int, labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the labels that may be told; the likeliest alone is noted, for the others are not shown."""
        verdicts = [checked(each["label"], self.rules, direction="output") for each in labels]
        best = max(range(len(labels)), key=lambda i: labels[i]["probability"], default=None)
        if best is not None:
            self._note(row, [each for each in verdicts[best].decisions if each not in self._of_row.get(row, [])])
        return [
            {**label, "label": "" if verdict.is_refused else verdict.text}
            for label, verdict in zip(labels, verdicts, strict=True)
        ]

    def _note(self, row: int, decisions: list[Decision]) -> None:
        if not decisions:
            return
        self._of_row.setdefault(row, []).extend(decisions)
        if self._file is None:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.log, "wb")  # noqa: SIM115  closed on leaving
        for each in decisions:
            self._file.write(msgspec.json.encode({"row": row, **each.to_dict()}) + b"\n")
        self.num_decisions += len(decisions)
