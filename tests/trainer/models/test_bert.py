"""BERT: sizes, objectives that learn, reports, and weights that are those of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from economics.architecture.lookup import preset
from tests.trainer.conftest import last_checkpoint, metric, of_kind, run_job, train_dict, write_version
from trainer.errors import InputError
from trainer.events import Artifact, Evaluation, Failed, Finished
from trainer.families import get_family
from trainer.inference.loading import load_model
from trainer.metrics.report import read_report
from trainer.models.bert.model import Bert
from trainer.models.bert.spec import FAMILY, BertSpec
from webapp.runs.architectures import num_parameters_of

SMALL = {"num_layers": 1, "model_width": 32, "num_heads": 2, "context_length": 64}


def bert_dict(version: Path, **changes: Any) -> dict[str, Any]:
    """Return a spec of a small encoder; `model` adds to its settings."""
    model = {**SMALL, **changes.pop("model", {})}
    raw = train_dict(version, family="bert", **changes)
    raw["batch"] = {"sequence_length": 32, "sequences_per_step": 16, **changes.get("batch", {})}
    return {**raw, "model": model}


def num_parameters(spec: BertSpec, vocab_size: int) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in Bert(spec, vocab_size=vocab_size).parameters())


@pytest.mark.parametrize(
    ("name", "vocab_size", "published"),
    [
        ("tiny", 30_522, 4_385_920),
        ("mini", 30_522, 11_170_560),
        ("small", 30_522, 28_763_648),
        ("medium", 30_522, 41_373_184),
        ("base", 30_522, 109_482_240),
        ("large", 30_522, 335_141_888),
    ],
)
def test_sizes_are_those_published(name: str, vocab_size: int, published: int) -> None:
    assert num_parameters(FAMILY.presets[name], vocab_size) == published


@pytest.mark.parametrize("name", ["roberta-base", "all-minilm-l6-v2", "bert-base-uncased"])
def test_other_encoders_have_their_published_size(name: str) -> None:
    theirs: Any = preset(name)
    unused = 2 if "roberta" in name else 0
    spec = BertSpec(
        num_layers=theirs.num_layers,
        model_width=theirs.model_width,
        num_heads=theirs.num_heads,
        feed_forward_width=theirs.feed_forward_width,
        context_length=theirs.context_length - unused,
        num_unused_positions=unused,
        num_types=theirs.num_types,
    )
    assert num_parameters(spec, theirs.vocabulary_size) == theirs.parameters().total


@pytest.mark.parametrize("objective", ["masked", "embed"])
@pytest.mark.parametrize("name", ["tiny", "modern-tiny", "modern-small"])
def test_the_form_foretells_the_size(name: str, objective: str) -> None:
    spec = msgspec.convert({**msgspec.to_builtins(FAMILY.presets[name]), "objective": objective}, BertSpec)
    assert num_parameters(spec, 5_000) == num_parameters_of("bert", spec, {"vocab_size": 5_000})


def test_a_document_is_told_by_its_words(version: Path, tmp_path: Path) -> None:
    events = run_job(tmp_path, bert_dict(version, optimizer={"learning_rate": 5e-3}, schedule={"num_steps": 50}))
    assert isinstance(events[-1], Finished)
    tested = next(each for each in of_kind(events, Evaluation) if each.split == "test")
    assert tested.metrics["accuracy"] > 0.95
    assert tested.metrics["mcc"] > 0.9
    assert tested.metrics["auroc"] > 0.97
    artifact = next(each for each in of_kind(events, Artifact) if each.name == "evaluation-test")
    report = read_report(tmp_path / artifact.path)
    found = {each.name: each for each in report.metrics}
    assert found["accuracy"].low <= found["accuracy"].value <= found["accuracy"].high
    assert report.matrix is not None
    assert sum(map(sum, report.matrix.counts)) == report.num_examples == len(report.correct) == 60
    assert {row[0] for row in report.tables[0].rows} == {"weather", "kitchen"}
    loaded = load_model(last_checkpoint(tmp_path))
    assert loaded.task.answer(loaded.model, "salt bread butter soup")["labels"][0]["label"] == "kitchen"


@pytest.mark.parametrize("form", ["original", "modern"])
def test_hidden_words_are_foretold_from_both_sides(version: Path, tmp_path: Path, form: str) -> None:
    model = {"objective": "masked", "form": form}
    raw = bert_dict(version, model=model, optimizer={"learning_rate": 5e-3}, schedule={"num_steps": 60})
    events = run_job(tmp_path, raw)
    assert isinstance(events[-1], Finished), events[-1]
    losses = metric(events, "validation/loss")
    assert losses[60] < losses[4] - 1.0
    loaded = load_model(last_checkpoint(tmp_path))
    assert len(loaded.task.answer(loaded.model, "salt bread [MASK] soup")["labels"]) == 10
    with pytest.raises(InputError, match="hides nothing"):
        loaded.task.answer(loaded.model, "salt")


def test_masks_are_drawn_anew_and_the_same_for_measuring(version: Path) -> None:
    from trainer.data.shards import open_version
    from trainer.spec import spec_from_dict
    from trainer.training.assets import Assets
    from trainer.training.task import make_task

    _, spec = spec_from_dict(bert_dict(version, model={"objective": "masked"}))
    opened = open_version(version)
    task: Any = make_task(spec, Assets.of_version(opened))
    split = opened.split("validation")
    batch = next(task.evaluation_batches(split, batch_size=4, max_batches=1))
    again = next(task.evaluation_batches(split, batch_size=4, max_batches=1))
    assert torch.equal(batch["draws"], again["draws"])
    tokens = batch["tokens"].expand(4, -1)
    hidden, places = task.objective.hide(tokens, torch.rand((3, *tokens.shape)))
    other, _ = task.objective.hide(tokens, torch.rand((3, *tokens.shape)))
    assert not torch.equal(hidden, other)
    assert places.size(1) == round(31 * 0.15)
    chosen = tokens.gather(1, places)
    assert not ((chosen == task.special.first) | (chosen == task.special.last)).any()
    untouched = torch.ones_like(tokens, dtype=torch.bool).scatter(1, places, False)
    assert torch.equal(hidden[untouched], tokens[untouched])


def test_any_number_of_labels(tmp_path: Path) -> None:
    """Texts of two kinds of words have the labels of both; a set of labels is one name in the prepared data."""
    import random

    from tests.trainer.conftest import WORDS

    chance, sets = random.Random(3), [("weather",), ("kitchen",), ("weather", "kitchen")]
    documents = []
    for number in range(800):
        words = [word for name in sets[number % 3] for word in chance.choices(WORDS[name], k=6)]
        documents.append((" ".join(chance.sample(words, len(words))), number % 3))
    version = write_version(tmp_path / "version", documents)
    manifest = version / "manifest.json"
    raw_manifest = msgspec.json.decode(manifest.read_bytes())
    raw_manifest["label_names"] = ["weather", "kitchen", "weather|kitchen"]
    manifest.write_bytes(msgspec.json.encode(raw_manifest))
    raw = bert_dict(
        version,
        model={"objective": "multi_label", "class_weights": "sqrt"},
        optimizer={"learning_rate": 5e-3},
        schedule={"num_steps": 80},
    )
    events = run_job(tmp_path / "job", raw)
    tested = next(each for each in of_kind(events, Evaluation) if each.split == "test")
    assert tested.metrics["subset_accuracy"] > 0.8
    assert tested.metrics["micro_f1"] > 0.9
    loaded = load_model(last_checkpoint(tmp_path / "job"))
    both = loaded.task.answer(loaded.model, "rain salt wind bread cloud butter")["labels"]
    assert {each["label"] for each in both} == {"weather", "kitchen"}
    assert min(each["probability"] for each in both) > 0.5


def test_texts_of_a_kind_get_vectors_close_together(version: Path, tmp_path: Path) -> None:
    raw = bert_dict(
        version,
        model={"objective": "embed", "temperature": 0.2},
        optimizer={"learning_rate": 3e-3},
        schedule={"num_steps": 60},
    )
    events = run_job(tmp_path, raw)
    assert isinstance(events[-1], Finished), events[-1]
    loaded = load_model(last_checkpoint(tmp_path))
    asked = "rain wind cloud sun storm\nfrost cold warm rain storm\nsalt bread knife oven soup"
    found = loaded.task.answer(loaded.model, asked)
    first, second = found["similar"]
    assert first["text"].startswith("frost")
    assert first["cosine"] > second["cosine"] + 0.2
    own = torch.tensor([each["vector"] for each in loaded.task.answers(loaded.model, asked.splitlines())])
    assert first["cosine"] == pytest.approx(float(own[0] @ own[1]), abs=1e-4)
    assert "explain" not in loaded.task.abilities  # there is no label to explain


def test_data_without_labels_is_refused_with_what_to_do(tmp_path: Path) -> None:
    documents = [(f"some words number {i}", 0) for i in range(100)]
    version = write_version(tmp_path / "version", documents, with_labels=False)
    last = run_job(tmp_path / "job", bert_dict(version))[-1]
    assert isinstance(last, Failed)
    assert "set model.objective to masked" in last.sentence


def test_labels_that_training_never_saw_are_reported(tmp_path: Path) -> None:
    documents = [(f"rain wind {i}", 0) for i in range(100)]
    # of every twenty documents, those at 18 and 19 are the test split
    documents = [(text, 1 if i % 20 >= 18 else 0) for i, (text, _) in enumerate(documents)]
    version = write_version(tmp_path / "version", documents)
    events = run_job(tmp_path / "job", bert_dict(version))
    artifact = next(each for each in of_kind(events, Artifact) if each.name == "evaluation-test")
    report = read_report(tmp_path / "job" / artifact.path)
    assert "1 of 2 labels occur here but not in the training data" in report.notes[0]
    assert "kitchen" in report.notes[0]


def test_wrong_settings_say_what_is_right() -> None:
    for settings, words in (
        ({"model_width": 30, "num_heads": 4}, "num_heads"),
        ({"mask_fraction": 1.0}, "mask_fraction"),
        ({"label_separator": ""}, "label_separator"),
    ):
        with pytest.raises(InputError, match=words):
            BertSpec(**settings)
    assert get_family("bert").title == "BERT"
