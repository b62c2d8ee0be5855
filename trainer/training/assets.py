"""What a model needs besides its weights to be of use: its tokenizer, the names of its labels, facts about its data, and
the files that its kind of data says go with a model.

They are copied into every checkpoint, so that a checkpoint works wherever it is moved to.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.data.kinds import data_kinds, get_data_kind
from trainer.data.shards import PreparedVersion
from trainer.data.tokenizer import TOKENIZER_FILE, Tokenizer
from trainer.errors import InputError

LABELS_FILE = "labels.json"
FACTS_FILE = "data.json"


class Assets:
    """The words of a model's world. `tokenizer` is there for data of words alone; asking where there is none is an error."""

    def __init__(
        self,
        *,
        tokenizer: Tokenizer | None = None,
        label_names: Sequence[str] = (),
        facts: Mapping[str, Any] | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._files = dict(files or {})
        self.label_names = tuple(label_names)
        self.facts = dict(facts or {})

    @property
    def has_tokenizer(self) -> bool:
        return self._tokenizer is not None

    @property
    def tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            raise InputError("this model's data has no tokenizer: it does not learn from text")
        return self._tokenizer

    def file(self, name: str) -> Path:
        """Return where a file of the data lies that models take along."""
        if name not in self._files:
            raise InputError(f"this model came without {name}; prepare its data again and train it anew")
        return self._files[name]

    @classmethod
    def of_version(cls, version: PreparedVersion) -> Assets:
        return cls(
            tokenizer=version.tokenizer() if version.has_tokenizer else None,
            label_names=version.manifest.label_names,
            facts=version.manifest.facts,
            files={name: version.path / name for name in get_data_kind(version.manifest.data_kind).assets},
        )

    @classmethod
    def load(cls, folder: Path) -> Assets:
        known = {name for kind in data_kinds().values() for name in kind.assets}
        return cls(
            tokenizer=Tokenizer.load(folder) if (folder / TOKENIZER_FILE).exists() else None,
            label_names=_read(folder / LABELS_FILE, []),
            facts=_read(folder / FACTS_FILE, {}),
            files={name: folder / name for name in known if (folder / name).exists()},
        )

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self._tokenizer is not None:
            self._tokenizer.save(folder)
        if self.label_names:
            _write(folder / LABELS_FILE, self.label_names)
        if self.facts:
            _write(folder / FACTS_FILE, self.facts)
        for name, path in self._files.items():
            shutil.copyfile(path, folder / name)


def _read(path: Path, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
