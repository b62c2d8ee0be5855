"""Jobs that look into a model, done for real: a passage of the training data is found, an unseen one is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.conftest import last_checkpoint, make_documents, of_kind, run_job, train_dict, write_version
from trainer.data.shards import open_version
from trainer.events import Failed, Report
from trainer.inspect import nearest


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


def test_what_is_alike_by_words_is_read_by_the_model_however_many_windows_there_are(
    tmp_path: Path, version: Path, writer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passage that stands in one window of thousands is not left to chance."""
    monkeypatch.setattr(nearest, "MAX_SKETCHED", 40)
    monkeypatch.setattr(nearest, "MIN_EMBEDDED", 8)
    monkeypatch.setattr(nearest, "EMBEDDING_FLOP", {"cpu": 0.0})
    split = open_version(version).split("train")
    document = next(i for i in range(split.num_documents - 1, 0, -1) if len(split.document(i)) > 50)
    text = open_version(version).tokenizer().decode(split.document(document)[:-1].tolist())
    found = report(tmp_path / "job", writer, "nearest", text=text, num_results=2)
    assert found["num_embedded"] <= 8 + 2 * nearest.CANDIDATES_PER_RESULT < found["num_windows"]
    assert found["by_words"][0]["document"] == found["by_meaning"][0]["document"] == document
    assert found["by_words"][0]["score"] == pytest.approx(1.0)


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


def test_a_passage_that_was_learnt_by_heart_is_told(tmp_path: Path) -> None:
    """Planted: a passage in two thirds of the texts. The model goes on with it word for word, and the report says from where."""
    passage = " ".join(f"{a}{b}{c}" for a, b, c in zip("bdfgklmnprst" * 3, "aeiou" * 8, "lnrstkmp" * 5, strict=False))
    documents = make_documents(240, seed=3)
    planted = [(passage, label) if number % 3 else (text, label) for number, (text, label) in enumerate(documents)]
    planted = [row if number // 2 % 10 < 8 else documents[number] for number, row in enumerate(planted)]  # train alone
    version = write_version(tmp_path / "version", planted)
    raw = train_dict(
        version, schedule={"num_steps": 160}, batch={"sequences_per_step": 16, "sequence_length": 32},
        optimizer={"learning_rate": 1e-2},
    )  # fmt: skip
    run_job(tmp_path / "run", raw)
    begin = " ".join(passage.split()[:8])
    found = report(
        tmp_path / "job", last_checkpoint(tmp_path / "run"), "overlap", prompt=begin, ngram=16, num_passages=2,
        num_tokens=16, temperature=0.0,
    )  # fmt: skip
    assert found["rate"] == 1.0
    assert found["held_out_rate"] < 0.1
    assert found["longest_tokens"] == 16
    told = found["passages"][0]
    assert "".join(piece["text"] for piece in told["pieces"] if piece["copied"]) in passage
    assert planted[told["longest"]["row"] - 1][0] == passage


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
