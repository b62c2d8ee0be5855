"""Encoders learn something real: which package a piece of source comes from, which app a Chinese message.

Compared with the commonest label and with TF-IDF and logistic regression, on texts of files and messages that the training
split does not have. The short forms begin from random weights and have a minute; the full one begins from real weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.trainer.adapt.test_hugging_face import minilm
from tests.trainer.conftest import events_of, last_checkpoint, of_kind, run_job
from tests.trainer.models.real_texts import (
    baselines,
    chinese_messages,
    few_of,
    standard_library,
    unlabelled_library,
    write_real,
)
from tests.trainer.models.test_bert import bert_dict
from trainer.cli.main import main
from trainer.data.tokenizer import Tokenizer
from trainer.events import Evaluation, Finished

SMALL = {"form": "modern", "num_layers": 1, "model_width": 64, "norm_eps": 1e-5, "context_length": 256}
NOISE = 0.05
"""About three standard errors of an accuracy over the test texts: less than that is no difference."""


def accuracy(version: Path, folder: Path, *, num_steps: int, length: int) -> float:
    """Return the test accuracy of a small encoder that learns from nothing."""
    raw: dict[str, Any] = bert_dict(
        version,
        model=SMALL,
        batch={"sequence_length": length, "sequences_per_step": 32},
        optimizer={"learning_rate": 3e-3, "weight_decay": 0.01, "beta2": 0.99},
        schedule={"num_steps": num_steps, "warmup_steps": num_steps // 10},
        evaluation={"every_steps": num_steps // 3, "max_batches": 0},
        checkpoint={"every_steps": num_steps},
        regularisation={"dropout": 0.2},
        machine={"num_threads": 1},
    )
    return accuracy_of(run_job(folder, raw))


def accuracy_of(events: list[Any]) -> float:
    assert isinstance(events[-1], Finished), events[-1]
    return float(next(each.metrics["accuracy"] for each in of_kind(events, Evaluation) if each.split == "test") or 0)


def test_english_source_is_told_by_its_package(tmp_path: Path) -> None:
    """From random weights an encoder is as good as word counts, within the noise; to beat them it must have read before."""
    texts = standard_library()
    simple = baselines(texts)
    version = write_real(tmp_path / "version", texts, vocab_size=4_096)
    found = accuracy(version, tmp_path / "job", num_steps=300, length=128)
    assert found > 2 * simple["majority"]
    assert found > simple["tf-idf"] - NOISE


def test_chinese_messages_are_told_by_their_app(tmp_path: Path) -> None:
    """A few characters each: pairs of characters, counted, stay ahead of an encoder that has read nothing before."""
    texts = chinese_messages()
    simple = baselines(texts, analyzer="char", ngrams=(1, 2))
    found = accuracy(
        write_real(tmp_path / "version", texts, vocab_size=1_024), tmp_path / "job", num_steps=300, length=32
    )
    assert found > simple["majority"] + 0.15
    assert found > simple["tf-idf"] - 3 * NOISE


READER = {
    "form": "modern",
    "num_layers": 2,
    "model_width": 128,
    "num_heads": 2,
    "norm_eps": 1e-5,
    "context_length": 256,
}


@pytest.mark.long
@pytest.mark.timeout(1_500)
def test_who_has_read_before_learns_more_from_few_labels(tmp_path: Path) -> None:
    """An encoder first foretells hidden tokens of files without labels; then 32 labelled texts a package are worth more.

    Both are tuned by the same steps at the same rate; what is tested on was in neither's reading. Over three draws of
    labels and seeds: 0.558 on average, from scratch 0.494, words alone 0.542 (ahead by 0.032, 0.013 and 0.001).
    """
    few = few_of(standard_library(), count=32)
    reading = write_real(tmp_path / "reading", unlabelled_library(), vocab_size=4_096)
    version = write_real(tmp_path / "few", few, tokenizer=Tokenizer.load(reading / "tokenizer"))
    raw = bert_dict(
        reading,
        model={**READER, "objective": "masked", "mask_fraction": 0.3},
        batch={"sequence_length": 128, "sequences_per_step": 16},
        optimizer={"name": "muon", "learning_rate": 2e-3, "weight_decay": 0.01, "beta2": 0.98},
        schedule={"num_steps": 600, "warmup_steps": 30},
        evaluation={"every_steps": 600, "max_batches": 6},
        checkpoint={"every_steps": 600},
        machine={"num_threads": 1},
    )
    assert isinstance(run_job(tmp_path / "read", raw)[-1], Finished)
    found = {
        name: tuned(version, tmp_path / name, source=source)
        for name, source in (("fresh", ""), ("read", str(last_checkpoint(tmp_path / "read"))))
    }
    assert found["read"] > found["fresh"] + 0.03
    assert found["read"] > baselines(few)["tf-idf"] - NOISE


def tuned(version: Path, folder: Path, *, source: str) -> float:
    """Return the test accuracy after a few steps on labels, from nothing or from a checkpoint."""
    raw = bert_dict(
        version,
        model={**READER, "objective": "classify"},
        batch={"sequence_length": 128, "sequences_per_step": 32},
        optimizer={"learning_rate": 1e-3, "weight_decay": 0.01, "beta2": 0.98},
        schedule={"num_steps": 90, "warmup_steps": 9},
        evaluation={"every_steps": 30, "max_batches": 0},
        checkpoint={"every_steps": 90},
        regularisation={"dropout": 0.1},
        machine={"num_threads": 1},
        **({"transfer": {"source": source}} if source else {}),
    )
    return accuracy_of(run_job(folder / "tuned", raw))


@pytest.mark.long
def test_real_weights_do_better_than_words_alone(tmp_path: Path) -> None:
    """MiniLM with its own tokenizer, its upper blocks learning at graded rates, on the same few texts in the same splits."""
    texts = standard_library()[::3]
    version = write_real(tmp_path / "version", texts, tokenizer=Tokenizer.load(minilm()))
    train = [
        "train", "--data", str(version), "--from", str(minilm()), "--steps", "80", "--out", str(tmp_path / "job"),
        "--set", "model.objective=classify", "--set", "batch.sequence_length=128", "--set", "batch.sequences_per_step=16",
        "--set", "transfer.freeze_layers=3", "--set", "transfer.layer_rate_decay=0.8",
        "--set", "optimizer.learning_rate=5e-4", "--set", "schedule.warmup_steps=8",
        "--set", "evaluation.every_steps=40", "--set", "evaluation.max_batches=4", "--set", "checkpoint.every_steps=40",
    ]  # fmt: skip
    assert main(train) == 0
    finished = events_of(tmp_path / "job")[-1]
    assert isinstance(finished, Finished)
    assert finished.result["test"]["accuracy"] > baselines(texts)["tf-idf"] + NOISE
