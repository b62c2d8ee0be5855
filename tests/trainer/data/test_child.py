"""Preview and trial: what the page shows before anything is prepared, and the limited child that makes it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.data.child import preview_in_child, try_in_child
from trainer.data.limits import ProcessLimits
from trainer.data.preview import preview
from trainer.data.recipe import Recipe
from trainer.data.sources import SourceSpec
from trainer.data.trial import try_recipe

ROWS = [
    {"id": i, "text": f"Row number {i} with a text of its own, {i * 7919}.", "kind": "ab"[i % 2]} for i in range(150)
]


@pytest.fixture
def rows(tmp_path: Path) -> SourceSpec:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "{broken\n")
    return SourceSpec(path=str(path))


def test_preview_shows_columns_rows_and_what_may_be_a_label(rows: SourceSpec) -> None:
    shown = preview([rows])
    assert shown.columns == ["id", "text", "kind"]
    assert (shown.text_column, shown.label_columns) == ("text", ["kind"])
    assert len(shown.rows) == 100
    assert shown.rows[4].values == ROWS[4]
    assert (shown.rows[4].source, shown.rows[4].row) == ("rows.jsonl", 5)
    assert (shown.files[0].format, shown.files[0].encoding) == ("jsonl", "utf-8")
    assert not shown.error


def test_preview_proposes_an_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("今天天气很好，我们去公园散步。".encode("gb18030") * 20)
    shown = preview([path])
    assert shown.suggested_encoding == "gb18030"
    assert "it looks like GB18030" in shown.error
    assert preview([SourceSpec(path=str(path), encoding="gb18030")]).rows[0].values["text"].startswith("今天天气")


def test_preview_says_when_no_column_holds_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    shown = preview([path])
    assert shown.text_column == ""
    assert "No column holds text; the columns are 'a', 'b'" in shown.warnings[0]


def test_long_cells_are_cut_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "x" * 5_000}) + "\n")
    assert preview([path]).rows[0].values["text"] == "x" * 600 + "…"


def test_the_child_gives_the_same_preview(rows: SourceSpec) -> None:
    assert preview_in_child([rows]) == preview([rows])


def test_what_is_wrong_comes_back_as_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    assert "empty.txt is empty" in preview_in_child([SourceSpec(path=str(tmp_path / "empty.txt"))]).error
    assert "is not there" in try_in_child([SourceSpec(path=str(tmp_path / "gone.txt"))], Recipe()).error


def test_a_child_that_takes_too_long_is_ended(rows: SourceSpec) -> None:
    started = time.monotonic()
    shown = preview_in_child([rows], timeout_seconds=0.05)
    assert "took over 0 s, so it was ended" in shown.error
    assert time.monotonic() - started < 3


def test_a_child_that_needs_too_much_memory_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(b'{"text": "' + b"x" * 30_000_000 + b'"}\n')
    shown = preview_in_child([SourceSpec(path=str(path))], limits=ProcessLimits(address_space_bytes=700 << 20), rows=5)
    if sys.platform != "darwin":
        assert "needed more memory than is allowed" in shown.error or "crashed" in shown.error


def test_a_child_that_needs_too_much_processor_time_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text(
        "".join(json.dumps({"text": f"{i} some words of a text {i * 7919}" * 30}) + "\n" for i in range(20_000))
    )
    limits = ProcessLimits(cpu_seconds=1)
    answer = try_in_child([SourceSpec(path=str(path))], Recipe(), num_documents=20_000, limits=limits)
    assert "took too much processor time" in answer.error


def test_the_child_sees_no_secrets_of_its_parent(rows: SourceSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    seen: dict[str, str] = {}
    real = subprocess.Popen

    def spy(*args: object, **kwargs: object) -> object:
        seen.update(kwargs["env"])  # type: ignore[call-overload]
        return real(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", spy)
    assert preview_in_child([rows]).rows
    assert "SECRET_KEY" not in seen


def test_the_front_door_imports_without_torch() -> None:
    modules = ["prepare", "child", "stdlib", "tokenizer", "shards", "recipe"]
    code = "".join(f"import trainer.data.{name}\n" for name in modules) + "import sys; print('torch' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert answer.stdout.strip() == "False"


def test_a_trial_shows_before_and_after_with_the_steps(tmp_path: Path) -> None:
    texts = [
        "An ordinary document that nothing has to be done to, with enough words.",
        "Write to anna.berg@example.org or call 13812345678 before the end of the week.",
        "An ordinary document that nothing has to be done to, with enough words.",
        "short",
        "Le cafÃ© est dÃ©jÃ  fermÃ©, il faut revenir demain matin pour Ãªtre servi.",
        "An ordinary document that nothing has to be done to, with enough words!",
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    result = try_in_child([SourceSpec(path=str(path))], Recipe())
    one, two, three, four, five, six = result.documents
    assert (one.steps, one.after) == ([], texts[0])
    assert two.after == "Write to <EMAIL> or call <PHONE> before the end of the week."
    assert two.steps == ["redacted: email (1)", "redacted: phone (1)"]
    assert (three.dropped_by, three.duplicate_of) == ("exact", 0)
    assert four.steps == ["dropped: too short (5 of 20 characters)"]
    assert (five.steps[0], five.after[:7]) == ("mojibake repaired", "Le café")
    assert (six.dropped_by, six.duplicate_of) == ("near", 0)
    assert (result.num_documents, result.num_kept) == (6, 3)
    assert result.dropped == {"exact": 1, "filter": 1, "near": 1}
    assert result.personal_data == {"email": 1, "phone": 1}


def test_a_trial_of_a_thousand_documents_takes_seconds(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(json.dumps({"text": " ".join(str(i * j) for j in range(400))}) + "\n" for i in range(2_000))
    )
    started = time.process_time()
    result = try_recipe([path], Recipe(), 1_000)
    assert result.num_documents == 1_000
    assert time.process_time() - started < 5
