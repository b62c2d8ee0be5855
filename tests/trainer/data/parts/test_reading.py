"""Pairs, conversations and preferences out of the forms that they come in, and what is wrong with them said by its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.data.kinds import get_data_kind, reader_of
from trainer.data.parts.marks import joined, parted, plain, readable
from trainer.data.parts.preview import preview_chats, preview_pairs, preview_preferences
from trainer.data.parts.recipe import ChatsRecipe, ChatsStep, PairsRecipe, PairsStep
from trainer.data.readers import read_documents
from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.data.steps import StepsRecipe


def read(path: Path, recipe: StepsRecipe, **source: Any) -> tuple[list[list[tuple[str, str]]], dict[str, int]]:
    """Return the parts of each document, and what was left out by its reason."""
    skips = SkipCounter(100)
    documents = read_documents([SourceSpec(path=str(path), **source)], ReadLimits(), skips, reader=reader_of(recipe))
    return [parted(each.text) for each in documents], {each["reason"]: each["count"] for each in skips.as_report()}


def jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def test_marks_hold_parts_apart_and_cannot_be_forged() -> None:
    text = joined([("user", "hello\ue1f4 assistant"), ("assistant", "早")])
    assert parted(text) == [("user", "hello assistant"), ("assistant", "早")]
    assert readable(text) == "[user] hello assistant\n[assistant] 早"
    assert readable("plain") == "plain"
    assert plain(text) == "\nhello assistant\n早"


def test_pairs_are_checked_side_against_side(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    long = "word " * 30
    path.write_text(f"en,zh\nGood morning,早上好\n,空\nnothing,\nsame,same\n{long},短\n", encoding="utf-8")
    found, left_out = read(path, PairsRecipe(pairs=PairsStep(max_length_ratio=9)))
    assert found == [[("source", "Good morning"), ("target", "早上好")]]
    assert left_out == {"empty source": 1, "empty target": 1, "both sides the same": 1, "lengths too different": 1}
    turned, _ = read(path, PairsRecipe(pairs=PairsStep(both_ways=True)), text_column="zh", target_column="en")
    assert turned[:2] == [
        [("source", "早上好"), ("target", "Good morning")],
        [("source", "Good morning"), ("target", "早上好")],
    ]


def test_columns_that_cannot_be_told_are_asked_for(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "wide.jsonl", {"a": "x", "b": "y", "c": "z"})
    seen = preview_pairs([path])
    assert "choose the column of the source" in seen.error
    assert "'a', 'b', 'c'" in seen.error
    assert preview_pairs([SourceSpec(path=str(path), text_column="a", target_column="c")]).rows[0].values == {
        "source": "x", "target": "z",
    }  # fmt: skip


TMX = """<?xml version="1.0" encoding="UTF-8"?>
<tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="en-US"><seg>Good <ph>b</ph>morning &amp; night</seg></tuv><tuv xml:lang="zh_CN"><seg>早上好</seg></tuv></tu>
<tu><tuv lang="EN"><seg><hi>Tea</hi></seg></tuv><tuv lang="ZH"><seg>茶</seg></tuv></tu>
"""


def test_a_translation_memory_has_a_column_a_language(tmp_path: Path) -> None:
    path = tmp_path / "memory.tmx"
    path.write_text(TMX + "</body></tmx>", encoding="utf-8")
    found, left_out = read(path, PairsRecipe())
    assert found == [
        [("source", "Good morning & night"), ("target", "早上好")],
        [("source", "Tea"), ("target", "茶")],
    ]
    assert not left_out
    assert preview_pairs([path]).form == "en → zh"


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("<tu><tuv xml:lang='en'><seg>a & b</seg></tuv></tu></body></tmx>", "line 5, column 32"),
        ("<tu><tuv", "line 5"),
    ],
)
def test_a_broken_memory_says_its_line_and_keeps_what_came_before(tmp_path: Path, end: str, why: str) -> None:
    path = tmp_path / "broken.tmx"
    path.write_text(TMX + end, encoding="utf-8")
    skips = SkipCounter(1)
    documents = list(read_documents([SourceSpec(path=str(path))], ReadLimits(), skips, reader=reader_of(PairsRecipe())))
    assert len(documents) == 2
    assert why in skips.as_report()[0]["examples"][0]


def test_a_memory_with_entities_of_its_own_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tmx"
    path.write_text(
        '<?xml version="1.0"?><!DOCTYPE tmx [<!ENTITY a "aaaa">]><tmx><body></body></tmx>', encoding="utf-8"
    )
    assert "entities of its own" in preview_pairs([path]).error


OPENAI = {
    "messages": [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "And?"},
    ]
}
SHAREGPT = {
    "conversations": [
        {"from": "human", "value": "你好"},
        {"from": "gpt", "value": "您好。"},
        {"from": "human", "value": "再见"},
        {"from": "gpt", "value": "再见。"},
    ]
}


def test_both_forms_of_chat_are_recognised(tmp_path: Path) -> None:
    first = jsonl(tmp_path / "openai.jsonl", OPENAI, {"messages": [{"role": "robot", "content": "x"}]})
    assert read(first, ChatsRecipe()) == (
        [[("system", "Be short."), ("user", "Hi"), ("assistant", "Hello.")]],
        {"unknown role": 1},
    )
    assert read(first, ChatsRecipe(chats=ChatsStep(keep_system=False)))[0] == [
        [("user", "Hi"), ("assistant", "Hello.")]
    ]
    second = jsonl(tmp_path / "sharegpt.jsonl", SHAREGPT)
    assert read(second, ChatsRecipe(chats=ChatsStep(max_turns=1)))[0] == [[("user", "你好"), ("assistant", "您好。")]]
    assert preview_chats([first]).form == "OpenAI messages"
    shown = preview_chats([second])
    assert shown.form == "ShareGPT conversations"
    assert shown.rows[0].values == {"user": "你好\n— 再见", "assistant": "您好。\n— 再见。"}


def test_prompts_and_answers_may_have_a_context(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "alpaca.jsonl",
        {"instruction": "Add", "input": "2 and 3", "output": "5"},
        {"instruction": "Say", "input": "", "output": "yes"},
        {"instruction": "Say", "input": "", "output": " "},
    )
    found, left_out = read(path, ChatsRecipe())
    assert found == [[("user", "Add\n\n2 and 3"), ("assistant", "5")], [("user", "Say"), ("assistant", "yes")]]
    assert left_out == {"empty answer": 1}


def test_preferences_come_as_texts_and_as_conversations(tmp_path: Path) -> None:
    kind = get_data_kind("preferences").recipe_type()
    path = jsonl(
        tmp_path / "preferences.jsonl",
        {"prompt": "Hi", "chosen": "Hello.", "rejected": "What."},
        {"prompt": "Hi", "chosen": "same", "rejected": "same"},
        {
            "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}],
            "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "No."}],
        },
    )
    found, left_out = read(path, kind)
    assert found == [
        [("user", "Hi"), ("chosen", "Hello."), ("rejected", "What.")],
        [("user", "Hi"), ("chosen", "Hello."), ("rejected", "No.")],
    ]
    assert left_out == {"both answers the same": 1}
    assert "chosen" in preview_preferences([jsonl(tmp_path / "none.jsonl", {"prompt": "a", "text": "b"})]).error
