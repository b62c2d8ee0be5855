"""Guard rails: what is found, what is refused or masked, in texts, in tables and on the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import last_checkpoint, run_job, train_dict
from tests.trainer.models.test_bert import bert_dict
from trainer.cli.main import main
from trainer.errors import InputError, SpecError
from trainer.guards import GuardRule, checked, read_rules


def guard(**fields: Any) -> GuardRule:
    return GuardRule(**{"name": "g", "kind": "words", "direction": "both", "action": "refuse", **fields})


@pytest.mark.parametrize(
    ("terms", "text", "reason"),
    [
        ("bomb", "how to build a Bomb?", "words: bomb"),
        ("bomb", "bombastic", ""),
        ("bomb*", "bombastic", "words: bombastic"),
        ("credit card\nloan", "my credit card", "words: credit card"),
        ("炸弹", "怎么做炸弹呢", "words: 炸弹"),
        ("a.b", "axb", ""),
        ("bomb", "how to build a ＢＯＭＢ?", "words: bomb"),
        ("贷款，ＶＩＰ", "我要贷款,vip", "words: 贷款,vip"),
    ],
)
def test_words_are_whole_words_taken_literally(terms: str, text: str, reason: str) -> None:
    verdict = checked(text, [guard(terms=terms)], direction="input")
    assert [each.reason for each in verdict.decisions] == ([reason] if reason else [])
    assert verdict.is_refused == bool(reason)


def test_a_topic_needs_so_many_of_its_words() -> None:
    medical = guard(terms="dose\npill*\nsymptom*", min_hits=2, refusal="Please ask a doctor.")
    assert not checked("a pill, another pill", [medical], direction="input").decisions
    verdict = checked("which dose of pills", [medical], direction="input")
    assert verdict.text == "Please ask a doctor."


def test_masks_add_up_and_look_only_where_they_are_meant_to() -> None:
    guards = [
        guard(kind="personal", action="mask", direction="output"),
        guard(terms="secret", action="mask", direction="output"),
    ]
    verdict = checked("the secret is ada@example.org", guards, direction="output")
    assert verdict.text == "the ••• is <EMAIL>"
    assert [each.reason for each in verdict.decisions] == ["personal data: email (1)", "words: secret"]
    assert checked("the secret", guards, direction="input").text == "the secret"
    wide = checked("ｓｅｃｒｅｔ，手机１３８１２３４５６７８，secret.", guards, direction="output")
    assert wide.text == "•••，手机<PHONE>，•••."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[{"name": "a", "kind": "words"}]', "guard.terms of 'a' is empty"),
        ('[{"name": " ", "terms": "x"}]', "guard.name is empty"),
        ('[{"name": "a", "terms": "x", "acton": "mask"}]', "check 1 has no field acton"),
        ('{"name": "a"}', "Expected `array`"),
        ("nonsense", "malformed"),
    ],
)
def test_a_wrong_list_of_checks_is_refused_with_its_reason(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "checks.json"
    path.write_text(text)
    with pytest.raises(InputError, match=why):
        read_rules(path)
    with pytest.raises(InputError, match="does not exist"):
        read_rules(tmp_path / "none.json")
    with pytest.raises(SpecError, match="at least 1"):
        GuardRule(name="a", terms="x", min_hits=0)


CHECKS = [
    {"name": "Privacy", "kind": "personal", "direction": "both", "action": "mask"},
    {"name": "Storms", "terms": "storm*", "direction": "input"},
    {"name": "Kitchen", "terms": "kitchen", "direction": "output", "action": "mask"},
]


@pytest.fixture
def checks(tmp_path: Path) -> Path:
    path = tmp_path / "checks.json"
    path.write_text(json.dumps(CHECKS))
    return path


def test_a_table_is_checked_row_by_row(version: Path, checks: Path, tmp_path: Path) -> None:
    run_job(tmp_path / "train", bert_dict(version, optimizer={"learning_rate": 5e-3}, schedule={"num_steps": 50}))
    table, out = tmp_path / "notes.jsonl", tmp_path / "job"
    texts = ["rain wind cloud ada@example.org", "salt bread soup", "storm frost cold", "rain sun"]
    table.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    asked = [
        "predict",
        str(last_checkpoint(tmp_path / "train")),
        str(table),
        "--guards",
        str(checks),
        "--out",
        str(out),
    ]
    assert main([*asked, "--device", "cpu"]) == 0
    with open(next(out.rglob("predictions.csv")), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == texts
    assert [row["predicted"] for row in rows] == ["weather", "•••", "", "weather"]
    assert [row["read"] for row in rows] == ["rain wind cloud <EMAIL>", "salt bread soup", "", "rain sun"]
    reasons = ["mask input: personal data: email (1)", "mask output: words: kitchen", "refuse input: words: storm", ""]
    assert [row["guard"] for row in rows] == reasons
    log = [json.loads(line) for line in next(out.rglob("guard_decisions.jsonl")).read_text().splitlines()]
    assert {(each["row"], each["guard"]) for each in log} == {(1, "Privacy"), (2, "Kitchen"), (3, "Storms")}
    assert "ada@" not in json.dumps(log)


def test_what_is_generated_is_checked(
    version: Path, checks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_job(tmp_path / "train", train_dict(version, schedule={"num_steps": 2}))
    asked = [
        "generate",
        str(tmp_path / "train"),
        "--tokens",
        "4",
        "--device",
        "cpu",
        "--guards",
        str(checks),
        "--prompt",
    ]
    assert main([*asked, "a storm"]) == 0
    told = capsys.readouterr()
    assert told.out == "I cannot help with that.\n"
    assert told.err.splitlines()[-1] == "guard Storms (input, refuse): words: storm"
    assert main([*asked, "ada@example.org", "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["prompt"] == "<EMAIL>"
    assert [each["reason"] for each in answer["guards"]] == ["personal data: email (1)"]
    assert main([*asked, "ada@example.org"]) == 0
    assert capsys.readouterr().out.startswith("<EMAIL>")
