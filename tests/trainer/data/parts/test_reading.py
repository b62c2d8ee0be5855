"""Pairs, conversations and preferences out of the forms that they come in, and what is wrong with them said by its row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.data.kinds import get_data_kind, reader_of
from trainer.data.parts.marks import joined, parted, plain, readable
from trainer.data.parts.preview import preview_chats, preview_pairs, preview_preferences
from trainer.data.parts.recipe import ChatsRecipe, ChatsStep, PairsRecipe, PairsStep, PreferencesRecipe
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


FOREIGN_TMX = """<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="en"><seg>A&nbsp;B</seg></tuv><tuv xml:lang="zh"><seg>甲乙</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>Tea &#20013;</seg></tuv><tuv xml:lang="zh-CN"><seg>茶</seg></tuv>
<tuv xml:lang="zh-TW"><seg>茗</seg></tuv><tuv xml:lang="fr"><seg>thé</seg></tuv><tuv xml:lang="fr"><seg>infusion</seg></tuv></tu>
<tu><tuv><seg>nobody's</seg></tuv><tuv xml:lang="zh"><seg>无</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>alone</seg></tuv></tu>
</body></tmx>"""


@pytest.mark.parametrize(
    ("declared", "written", "chosen"),
    [
        ("UTF-8", "utf-8-sig", "auto"), ("UTF-16", "utf-16", "auto"), ("GB2312", "gb18030", "auto"),
        ("UTF-8", "gb18030", "gb18030"), ("utf-16", "utf-16-le", "utf-16-le"),
    ],
)  # fmt: skip
def test_a_memory_in_any_encoding_and_what_is_wrong_in_it(
    declared: str, written: str, chosen: str, tmp_path: Path
) -> None:
    path = tmp_path / "foreign.tmx"
    path.write_bytes(FOREIGN_TMX.format(encoding=declared).encode(written))
    found, left_out = read(path, PairsRecipe(), encoding=chosen)
    assert found == [[("source", "Tea 中"), ("target", "茶")]]
    assert left_out == {
        "unknown entity": 1, "second text of one language": 1, "segment without a language": 1, "empty target": 1,
    }  # fmt: skip
    other, _ = read(path, PairsRecipe(), encoding=chosen, text_column="fr", target_column="zh-tw")
    assert other == [[("source", "thé"), ("target", "茗")]]


def test_a_memory_in_an_encoding_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.tmx"
    path.write_text(FOREIGN_TMX.format(encoding="klingon-8"), encoding="utf-8")
    assert "it declares 'klingon-8'; choose the encoding" in preview_pairs([path]).error


def test_a_quote_that_nobody_closes_takes_its_own_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text(
        '\ufeffsep=;\nen;zh\n"a ""b"";";"多\n行"\n"open;坏\nfine;好\n5" disk;盘\n"x"y;z\nlast;末\n', encoding="utf-8"
    )
    found, left_out = read(path, PairsRecipe())
    assert [tuple(text for _, text in pair) for pair in found] == [
        ('a "b";', "多\n行"), ("fine", "好"), ('5" disk', "盘"), ("last", "末"),
    ]  # fmt: skip
    assert left_out == {"broken table row": 2}


def test_a_table_with_tabs_may_hold_quotes_that_mean_nothing(tmp_path: Path) -> None:
    path = tmp_path / "spoken.tsv"
    path.write_text('en\tzh\n"Hello," he said.\t他说\n"open\t甲\nhe said hi"\t乙\n"two\nlines"\t丙\n', encoding="utf-8")
    found, left_out = read(path, PairsRecipe())
    assert [tuple(text for _, text in pair) for pair in found] == [
        ('"Hello," he said.', "他说"), ('"open', "甲"), ('he said hi"', "乙"), ("two\nlines", "丙"),
    ]  # fmt: skip
    assert not left_out
    assert any("taken as they stand (2): spoken.tsv line 2" in each for each in preview_pairs([path]).warnings)


def test_a_first_row_that_may_be_no_names_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("hello,你好\nbye,再见\n", encoding="utf-8")
    assert any("'hello' and '你好'" in each for each in preview_pairs([path]).warnings)
    path.write_text("id,English,Chinese\n1,bye,再见\n", encoding="utf-8")
    seen = preview_pairs([path])
    assert (seen.form, seen.warnings) == ("English → Chinese", [])


def test_an_array_of_objects_is_read_element_by_element(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.json"
    rows = [
        {"instruction": f"Say {i}", "input": "", "output": "x" * 9_000, "history": [["Hi", "Hello"]]} for i in range(90)
    ]
    path.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    found, left_out = read(path, ChatsRecipe())
    assert len(found) == 90
    assert not left_out
    assert found[7] == [("user", "Hi"), ("assistant", "Hello"), ("user", "Say 7"), ("assistant", "x" * 9_000)]
    path.write_text('[{"prompt": "a", "response": "b"}, 7, {"prompt": NaN}, {"prompt": "c"', encoding="utf-8")
    assert read(path, ChatsRecipe()) == (
        [[("user", "a"), ("assistant", "b")]],
        {"not a JSON object": 1, "broken JSON": 2},
    )


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
    assert any(
        "nobody answered were left out (1): openai.jsonl row 1" in each for each in preview_chats([first]).warnings
    )
    second = jsonl(tmp_path / "sharegpt.jsonl", SHAREGPT)
    assert read(second, ChatsRecipe(chats=ChatsStep(max_turns=1)))[0] == [[("user", "你好"), ("assistant", "您好。")]]
    assert preview_chats([first]).form == "OpenAI messages"
    shown = preview_chats([second])
    assert shown.form == "ShareGPT conversations"
    assert shown.rows[0].values == {"user": "你好\n— 再见", "assistant": "您好。\n— 再见。"}


def said(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content, **more} for role, content in turns]}


def test_what_a_conversation_cannot_hold_is_refused_by_its_reason(tmp_path: Path) -> None:
    picture = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {}}]
    path = jsonl(
        tmp_path / "odd.jsonl",
        said(("user", "a"), ("system", "middle"), ("assistant", "b")),
        said(("user", picture), ("assistant", "b")),
        said(("user", "a"), ("assistant", "b"), weight=0),
        said(("user", "a"), ("assistant", None), tool_calls=[{"id": "1"}]),
        {"conversations": SHAREGPT["conversations"]},
        said(("user", ""), ("assistant", "b")),
        said(("user", "a"), ("assistant", " ")),
        said(("user", None), ("assistant", "b")),
        said(("assistant", "b")),
        said(),
        said(("user", "a"), ("assistant", "b")),
    )
    assert read(path, ChatsRecipe()) == (
        [[("user", "a"), ("assistant", "b")]],
        {
            "a system prompt in the middle": 1, "a message holds more than text": 1, "calls of tools are not learnt": 1,
            "an answer that is not to be learnt": 1, "no list of messages": 1, "empty question": 1, "empty answer": 1,
            "a message without text": 1, "an answer without a question": 1, "no answer in the conversation": 1,
        },
    )  # fmt: skip


def test_what_is_put_together_differently_is_told(tmp_path: Path) -> None:
    turns = [
        ("system", "A"),
        ("system", "B"),
        ("user", "a"),
        ("user", "b"),
        ("assistant", "c"),
        ("tool", "t"),
        ("assistant", "d"),
    ]
    path = jsonl(tmp_path / "joined.jsonl", said(*turns))
    assert read(path, ChatsRecipe())[0] == [
        [("system", "A\n\nB"), ("user", "a\n\nb"), ("assistant", "c"), ("user", "t"), ("assistant", "d")]
    ]
    told = " ".join(preview_chats([path]).warnings)
    assert "several system prompts at the beginning were joined (1): joined.jsonl row 1" in told
    assert "neighbouring messages of one side were joined" in told
    assert "what a tool answered was taken as said by the user" in told


def test_both_answers_belong_to_the_whole_conversation(tmp_path: Path) -> None:
    context = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": "last?"},
    ]
    good, bad = {"role": "assistant", "content": "good"}, {"role": "assistant", "content": "bad"}
    path = jsonl(
        tmp_path / "context.jsonl",
        {"prompt": "last?", "chosen": [*context, good], "rejected": [*context, bad]},
        {"prompt": "last?", "chosen": [*context, good], "rejected": [{"role": "user", "content": "other"}, bad]},
    )
    assert read(path, PreferencesRecipe()) == (
        [[("user", "first"), ("assistant", "A"), ("user", "last?"), ("chosen", "good"), ("rejected", "bad")]],
        {"the two answers have different questions": 1},
    )


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
