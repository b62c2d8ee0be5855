"""How an answer reaches the terminal: piece by piece as it comes, or, where its checks must see the whole first, at its end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from trainer.guards import Direction, GuardRule, Verdict, checked, look_at, read_rules


def add_guard_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--guards", type=Path, help="JSON list of checks of what is asked and answered")


def rules_of(options: argparse.Namespace) -> list[GuardRule]:
    return read_rules(options.guards) if options.guards else []


class Saying:
    """One answer on its way out, through its checks."""

    def __init__(self, rules: list[GuardRule], *, as_json: bool) -> None:
        self.rules, self.as_json = rules, as_json
        self.holds_back = as_json or look_at(rules, "output")
        self.decisions: list[dict[str, Any]] = []
        self._pieces: list[str] = []

    def asked(self, text: str) -> Verdict:
        """Return what is asked after its checks; a refusal is to be given as the answer."""
        return self._checked(text, "input")

    def piece(self, text: str) -> None:
        self._pieces.append(text)
        if not self.holds_back:
            sys.stdout.write(text)
            sys.stdout.flush()

    def end(self, result: dict[str, Any], *, before: str = "") -> int:
        """Write what was held back, behind the prompt `before`, or all of it as one object. Return the exit code."""
        verdict = self._checked("".join(self._pieces), "output")
        result = {**result, "text": verdict.text}
        if verdict.decisions:
            result.pop("alternatives", None)  # they were not checked
            result["end"] = "refused" if verdict.is_refused else "masked"
        if self.as_json:
            told = {**result, "guards": self.decisions} if self.rules else result
            sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        else:
            sys.stdout.write((before + verdict.text if self.holds_back else "") + "\n")
        return 0

    def refuse(self, verdict: Verdict) -> int:
        """Answer in the model's place."""
        self._pieces, self.rules = [verdict.text], [rule for rule in self.rules if rule.direction == "input"]
        self.holds_back = True
        return self.end({"num_tokens": 0, "end": "refused"})

    def _checked(self, text: str, direction: Direction) -> Verdict:
        verdict = checked(text, self.rules, direction=direction)
        for each in verdict.decisions:
            self.decisions.append(each.to_dict())
            sys.stderr.write(f"guard {each.guard} ({each.direction}, {each.action}): {each.reason}\n")
        return verdict
