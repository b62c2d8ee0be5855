"""Entities: from spans or tags in a file, through the preparation, to a model that finds them in a new text."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.conftest import events_of, last_checkpoint, of_kind, run_job
from tests.trainer.models.test_bert import bert_dict
from trainer.cli.main import main
from trainer.data.bpe import train_bpe
from trainer.data.entities import Span, from_tags, marked_text, parse_marks
from trainer.data.tokenizer import Tokenizer
from trainer.events import Evaluation, Finished
from trainer.inference.loading import load_model

PEOPLE = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "小明", "王芳", "Donald"]
PLACES = ["London", "Paris", "北京", "上海", "Boston", "Delft"]
WORDS = ["went", "to", "from", "met", "with", "saw", "left", "near", "the", "office", "在", "工作", "yesterday", "and"]


def test_tags_and_spans_are_the_same_marks() -> None:
    assert from_tags(["Ada", "Lovelace", "met", "Bob"], ["B-PER", "I-PER", "O", "B-PER"]) == (
        "Ada Lovelace met Bob",
        [Span(0, 12, "PER"), Span(17, 20, "PER")],
    )
    assert from_tags(["小", "明", "在", "北", "京"], ["B-PER", "I-PER", "O", "B-LOC", "I-LOC"])[0] == "小明在北京"
    marked = marked_text(
        "Ada met Bob", [{"start": 8, "end": 11, "label": "PER"}, [0, 3, "PER"], {"start": 99, "end": 1}]
    )
    assert marked == ("[[Ada||PER]] met [[Bob||PER]]", ["PER", "PER"])
    assert parse_marks(marked[0]) == ("Ada met Bob", [Span(0, 3, "PER"), Span(8, 11, "PER")])
    assert marked_text("Ada", None) is None


@given(text=st.text(alphabet="aé天😀 [|", min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_offsets_cover_the_text(text: str) -> None:
    tokenizer = tokenizer_of_signs()
    ids, offsets = tokenizer.encode_with_offsets(text)
    assert ids == tokenizer.encode(text)
    covered = {place for start, end in offsets for place in range(start, end)}
    assert covered == set(range(len(text)))


def tokenizer_of_signs(made: list[Tokenizer] = []) -> Tokenizer:  # noqa: B006  made once
    if not made:
        made.append(train_bpe(["aé天😀 [| aé aé"] * 20, vocab_size=300))
    return made[0]


@pytest.mark.parametrize("form", ["spans", "tags"])
def test_a_model_finds_names_in_a_new_text(tmp_path: Path, form: str) -> None:
    chance, rows = random.Random(4), []
    for _ in range(500):
        words = chance.choices(WORDS, k=chance.randint(4, 10))
        tags = ["O"] * len(words)
        for names, label in ((PEOPLE, "PER"), (PLACES, "LOC")):
            place = chance.randrange(len(words))
            words[place], tags[place] = chance.choice(names), f"B-{label}"
        text, spans = from_tags(words, tags)
        plain = [{"start": span.start, "end": span.end, "label": span.label} for span in spans]
        rows.append({"tokens": words, "tags": tags} if form == "tags" else {"text": text, "tags": plain})
    (tmp_path / "rows.jsonl").write_text(
        "\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8"
    )
    prepare = [
        "prepare", str(tmp_path / "rows.jsonl"), "--entity-column", "tags", "--out", str(tmp_path / "prepared"),
        "--set", "recipe.split.test_fraction=0.15", "--set", "recipe.split.validation_fraction=0.1",
        "--set", "recipe.tokenizer.vocab_size=400", "--set", "recipe.near.enabled=false",
    ]  # fmt: skip
    assert main(prepare) == 0
    assert isinstance(events_of(tmp_path / "prepared")[-1], Finished)
    version = next((tmp_path / "prepared").rglob("manifest.json")).parent
    raw = bert_dict(version, model={"objective": "tag"}, optimizer={"learning_rate": 1e-2}, schedule={"num_steps": 80})
    events = run_job(tmp_path / "job", raw)
    assert isinstance(events[-1], Finished), events[-1]
    tested = next(each for each in of_kind(events, Evaluation) if each.split == "test")
    assert tested.metrics["micro_f1"] > 0.8
    loaded = load_model(last_checkpoint(tmp_path / "job"))
    text = "yesterday Grace left 北京"
    found = loaded.task.answer(loaded.model, text)["spans"]
    assert {(text[each["start"] : each["end"]], each["label"]) for each in found} == {("Grace", "PER"), ("北京", "LOC")}
