"""Jobs that look into a model, done for real: a passage of the training data is found, an unseen one is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.conftest import make_documents, of_kind, run_job, write_version
from trainer.data.shards import open_version
from trainer.events import Failed, Report


def report(folder: Path, checkpoint: Path, what: str, **fields: Any) -> dict[str, Any]:
    raw = {"kind": "inspect", "what": what, "checkpoint": str(checkpoint), "device": "cpu", **fields}
    found = of_kind(run_job(folder, raw), Report)
    assert len(found) == 1
    return dict(found[0].report)


@pytest.mark.parametrize("model", ["gpt", "bert", "bow"])
def test_a_passage_of_a_training_document_is_found_by_words_and_by_meaning(
    tmp_path: Path, version: Path, writer: Path, classifiers: dict[str, Path], model: str
) -> None:
    split = open_version(version).split("train")
    document = next(i for i in range(split.num_documents) if 40 <= len(split.document(i)) <= 60)
    text = open_version(version).tokenizer().decode(split.document(document)[:-1].tolist())
    checkpoint = {"gpt": writer, **classifiers}[model]
    found = report(tmp_path / "job", checkpoint, "nearest", text=text, num_results=3)
    for rows in (found["by_words"], found["by_meaning"]):
        assert len(rows) == 3
        assert rows[0]["document"] == document
        assert rows[0]["score"] == pytest.approx(1.0, abs=1e-3)
        assert rows[0]["score"] >= rows[1]["score"] >= rows[2]["score"]
    assert found["by_words"][0]["shared"] == pytest.approx(1.0)


def test_the_model_writes_the_passage_itself(tmp_path: Path, writer: Path) -> None:
    found = report(tmp_path / "job", writer, "nearest", prompt="salt bread", num_tokens=20, seed=3)
    assert found["is_written"]
    assert len(found["passage"]) > 10
    assert found["by_words"]


def test_overlap_is_whole_for_what_was_copied_and_compared_with_unseen_text(
    tmp_path: Path, version: Path, writer: Path
) -> None:
    """A model that always begins anew from training text: here the rate of short n-grams is high, of long ones low."""
    short = report(tmp_path / "short", writer, "overlap", ngram=4, num_passages=4, num_tokens=40)
    long = report(tmp_path / "long", writer, "overlap", ngram=40, num_passages=4, num_tokens=40)
    assert 0 < short["rate"] <= 1
    assert 0 < short["held_out_rate"] <= 1
    assert long["rate"] < short["rate"]
    assert len(short["passages"]) == 4
    joined = "".join(piece["text"] for piece in short["passages"][0]["pieces"])
    assert joined
    copied = [piece for each in short["passages"] for piece in each["pieces"] if piece["copied"]]
    assert copied
    assert short["longest_tokens"] >= 4
    assert short["passages"][0]["longest"]["source"] == "made.jsonl"


def test_contamination_finds_the_documents_that_are_in_both(tmp_path: Path, version: Path, writer: Path) -> None:
    clean = report(tmp_path / "clean", writer, "contamination", ngram=40)
    assert clean["num_flagged"] == 0
    own, other = open_version(version), tmp_path / "other"
    train, tokenizer = own.split("train"), own.tokenizer()
    long = [i for i in range(train.num_documents) if len(train.document(i)) > 60][:5]
    leaked = [tokenizer.decode(train.document(i)[:-1].tolist()) for i in long]
    fresh = [text for text, _label in make_documents(400, seed=99)]
    documents = []
    for number in range(400):  # every test document in turn: the first five are leaked
        is_test = number // 2 % 10 == 9
        take = leaked.pop(0) if is_test and leaked else fresh[number]
        documents.append((take, number % 2))
    write_version(other, documents)  # with a tokenizer of its own
    found = report(tmp_path / "leaked", writer, "contamination", ngram=40, evaluation_path=str(other))
    assert found["num_documents"] == 40
    assert found["num_flagged"] == found["num_near_duplicates"] == 5
    assert found["flagged_fraction"] == pytest.approx(5 / 40)
    worst = found["documents"][:5]
    assert {row["train_row"] for row in worst} == {train.document_id(i).row for i in long}
    assert np.mean([row["copied_fraction"] for row in worst]) > 0.95


def test_a_classifier_cannot_write(tmp_path: Path, classifiers: dict[str, Path]) -> None:
    raw = {"kind": "inspect", "what": "overlap", "checkpoint": str(classifiers["bow"]), "device": "cpu"}
    failed = of_kind(run_job(tmp_path / "job", raw), Failed)
    assert "cannot generate" in failed[0].sentence
