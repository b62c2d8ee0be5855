"""What a model needs besides its weights to be of use: its tokenizer and the names of its labels.

They are copied into every checkpoint, so that a checkpoint works wherever it is moved to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from trainer.data.shards import PreparedVersion
from trainer.data.tokenizer import Tokenizer

LABELS_FILE = "labels.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Assets:
    """The words of a model's world."""

    tokenizer: Tokenizer
    label_names: tuple[str, ...] = ()

    @classmethod
    def of_version(cls, version: PreparedVersion) -> Assets:
        return cls(tokenizer=version.tokenizer(), label_names=tuple(version.manifest.label_names))

    @classmethod
    def load(cls, folder: Path) -> Assets:
        labels = folder / LABELS_FILE
        names = json.loads(labels.read_text(encoding="utf-8")) if labels.exists() else []
        return cls(tokenizer=Tokenizer.load(folder), label_names=tuple(names))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(folder)
        if self.label_names:
            (folder / LABELS_FILE).write_text(json.dumps(self.label_names, ensure_ascii=False), encoding="utf-8")
