"""What a model answered to every example of a split, kept so that two models can be compared example by example.

Written beside the report as `scores-<split>.safetensors`; read without torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from trainer.errors import InputError
from trainer.metrics.entities import entity_measures
from trainer.metrics.label_report import multi_label_measures, single_label_measures
from trainer.metrics.labels import Measure

Kind = Literal["one_label", "many_labels", "entities"]
OWN = "own."
"""Arrays of the model's answers are stored under this prefix; what is true has none."""
MAX_NUMBERS = 20_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Answers to N examples of C labels.

    one_label: truth (N,), answers probabilities (N, C). many_labels: truth (N, C), answers probabilities (N, C).
    entities: truth (N, C) of how many are there, answers hits (N, C) and said (N, C).
    """

    kind: Kind
    documents: NDArray[np.int64]
    truth: NDArray[Any]
    answers: Mapping[str, NDArray[Any]]
    split: str = ""
    content_hash: str = ""
    """Of the data: answers can be paired where it is the same."""

    @property
    def num_examples(self) -> int:
        return len(self.documents)

    def measures(self) -> dict[str, Measure]:
        """Return the measures of these answers, each a function of the examples' weights."""
        answers = {name: values.astype(np.float64) for name, values in self.answers.items()}
        if self.kind == "entities":
            return entity_measures(answers["hits"], answers["said"], self.truth.astype(np.float64))
        probabilities = answers["probabilities"]
        if self.kind == "one_label":
            return single_label_measures(self.truth.astype(np.int64), probabilities.argmax(axis=1), probabilities)
        return multi_label_measures(self.truth > 0.5, probabilities >= 0.5, probabilities)

    def with_answers_of(self, other: Scores, chosen: NDArray[np.bool_]) -> Scores:
        """Return these scores with another model's answers to the chosen examples."""
        mixed = {n: np.where(chosen[:, None], other.answers[n], values) for n, values in self.answers.items()}
        return replace(self, answers=mixed)


def scores_name(split: str) -> str:
    """Return the name of the artifact that holds the answers to a split."""
    return f"scores-{split}"


def write_scores(path: Path, scores: Scores) -> bool:
    """Write the file; say whether it was: a table of more than 20 million numbers is not kept."""
    if sum(values.size for values in scores.answers.values()) > MAX_NUMBERS:
        return False
    arrays = {"documents": scores.documents, "truth": scores.truth}
    arrays |= {OWN + name: values.astype(np.float32) for name, values in scores.answers.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"kind": scores.kind, "split": scores.split, "content_hash": scores.content_hash}
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path, metadata=about)
    return True


def read_scores(path: Path) -> Scores:
    """Read the file; raise `InputError` where it is none."""
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Scores(
            kind=about["kind"],  # type: ignore[arg-type]
            split=about["split"],
            content_hash=about["content_hash"],
            documents=arrays["documents"],
            truth=arrays["truth"],
            answers={name.removeprefix(OWN): array for name, array in arrays.items() if name.startswith(OWN)},
        )
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(f"{path.name} holds no answers of a model: {error}") from error


def scores_of_labels(rows: Mapping[str, NDArray[Any]]) -> Scores:
    """Return the answers of a classifier: rows of probabilities (N, C), truth (N,) or (N, C), and documents (N,)."""
    kind: Kind = "many_labels" if rows["truth"].ndim == 2 else "one_label"
    answers = {"probabilities": rows["probabilities"]}
    return Scores(kind=kind, documents=rows["documents"], truth=rows["truth"], answers=answers)
