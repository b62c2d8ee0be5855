"""Documents out of every format, and a sentence for everything that is wrong: what, where, what to do."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer.data.readers import read_documents
from trainer.data.skipped import SkipCounter
from trainer.data.sources import Document, ReadLimits, SourceSpec
from trainer.errors import InputError, SpecError

ROWS = [{"id": i, "内容": f"第{i}篇 text number {i}\nwith two lines", "lab": "xy"[i % 2]} for i in range(20)]


def read(path: Path, *, max_broken: int = 100, **options: object) -> tuple[list[Document], SkipCounter]:
    skips = SkipCounter(max_broken)
    documents = list(read_documents([SourceSpec(path=str(path), **options)], ReadLimits(), skips))  # type: ignore[arg-type]
    return documents, skips


def reasons(skips: SkipCounter) -> dict[str, int]:
    return {reason: skip.count for reason, skip in skips.reasons.items()}


def as_jsonl(rows: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def write(path: Path, data: bytes) -> Path:
    if path.name.endswith(".gz"):
        data = gzip.compress(data)
    elif path.name.endswith(".zst"):
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize("format_", ["jsonl", "csv", "tsv", "parquet"])
def test_rows_come_out_of_every_table_format(tmp_path: Path, format_: str, ending: str) -> None:
    plain = tmp_path / f"plain.{format_}"
    if format_ == "jsonl":
        plain.write_bytes(as_jsonl(ROWS))
    elif format_ == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), plain)
    else:
        with open(plain, "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, ROWS[0].keys(), delimiter="," if format_ == "csv" else "\t")
            table.writeheader()
            table.writerows(ROWS)
    path = write(tmp_path / f"data.{format_}{ending}", plain.read_bytes())
    documents, skips = read(path, label_column="lab")
    assert [(d.text, d.label) for d in documents] == [(row["内容"], row["lab"]) for row in ROWS]
    assert documents[0].source == path.name
    assert documents[3].row == {"jsonl": 4, "parquet": 4}.get(format_, 8)  # a quoted text spans two lines of a table
    assert not skips.reasons


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.py", "README", "a.txt.gz", "a.txt.zst"])
def test_a_text_file_is_one_document(tmp_path: Path, name: str) -> None:
    documents, _ = read(write(tmp_path / name, "def f():\n    return '好'\n".encode()))
    assert [(d.text, d.row) for d in documents] == [("def f():\n    return '好'\n", 0)]


def test_long_prose_is_cut_at_blank_lines_and_nothing_is_lost(tmp_path: Path) -> None:
    text = "".join(f"Paragraph {i} of the book.\nIt has two lines.\n\n" for i in range(5_000))
    documents, _ = read(write(tmp_path / "book.txt", text.encode()))
    assert "".join(d.text for d in documents) == text
    assert [d.row for d in documents] == list(range(1, len(documents) + 1))
    assert all(d.text.endswith("\n\n") and 16_000 < len(d.text) < 33_000 for d in documents[:-1])
    as_code, _ = read(write(tmp_path / "book.py", text.encode()))
    assert [d.text for d in as_code] == [text]


@pytest.mark.parametrize(
    ("splitting", "expected"),
    [("file", 1), ("blank_lines", 3), ("form_feeds", 2), ("lines", 4)],
)
def test_how_text_is_split_can_be_chosen(tmp_path: Path, splitting: str, expected: int) -> None:
    documents, _ = read(write(tmp_path / "a.txt", b"one\ntwo\n\nthree\n\n\ffour"), splitting=splitting)
    assert len(documents) == expected


@given(
    text=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\x01\x02\x03\x04"), min_size=1)
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_lines_give_back_any_text(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "any.jsonl", as_jsonl([{"text": text}, {"text": "a second one"}]))
    documents, _ = read(path, text_column="text")
    assert [d.text for d in documents] == ([text] if text.strip() else []) + ["a second one"]


def test_a_zip_gives_its_files_in_order_with_the_folder_as_label(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("poems/deep/er/one.txt", "一首诗,很短。")
        archive.writestr("code/a.py", "print(1)\n")
        archive.writestr("code/rows.jsonl.gz", gzip.compress(as_jsonl(ROWS[:2])))
        archive.writestr("code/picture.png", b"\x89PNG\r\n\x1a\n")
        archive.writestr("__MACOSX/code/a.py", b"junk")
        archive.writestr("top.txt", "no folder above it")
        archive.writestr("inner.zip", (tmp_path / "a.zip").read_bytes()[:100] or b"PK\x03\x04")
    documents, skips = read(tmp_path / "a.zip", label_from_folder=True)
    assert [(d.source, d.label) for d in documents] == [
        ("a.zip/poems/deep/er/one.txt", "poems"),
        ("a.zip/code/a.py", "code"),
        ("a.zip/code/rows.jsonl.gz", "code"),
        ("a.zip/code/rows.jsonl.gz", "code"),
        ("a.zip/top.txt", ""),
    ]
    assert reasons(skips) == {"no text: a PNG picture": 1, "archive inside an archive": 1}


def test_the_text_column_is_detected_by_name_and_length_and_can_be_chosen(tmp_path: Path) -> None:
    rows = [
        {"id": f"{i:08d}", "title": f"Title {i}", "body": f"Body {i} " * 5, "url": f"https://x/{i}"} for i in range(9)
    ]
    path = write(tmp_path / "a.jsonl", as_jsonl(rows))
    assert read(path)[0][0].text == rows[0]["body"]
    assert read(path, text_column="title")[0][0].text == "Title 0"
    nested = write(tmp_path / "n.jsonl", as_jsonl([{"m": {"content": "inside"}, "n": 1}]))
    assert read(nested, text_column="m.content")[0][0].text == "inside"


def test_broken_lines_are_counted_up_to_the_limit(tmp_path: Path) -> None:
    lines = [
        *as_jsonl(ROWS[:3]).splitlines(),
        b"{broken",
        b"[1, 2]",
        b'{"id": 7}',
        b'{"\xe9": 1}',
        *as_jsonl(ROWS[3:5]).splitlines(),
    ]
    path = write(tmp_path / "a.jsonl", b"\n".join(lines))
    documents, skips = read(path)
    assert len(documents) == 5
    assert reasons(skips) == {"broken JSON": 1, "not a JSON object": 1, "no text in the row": 1, "not UTF-8": 1}
    assert skips.reasons["broken JSON"].examples[0].startswith("a.jsonl line 4: ")
    with pytest.raises(InputError, match=r"3 lines or files are broken, more than the 2 allowed: .*a\.jsonl line 7"):
        read(path, max_broken=2)


@pytest.mark.parametrize(
    ("encoding", "text", "proposed"),
    [
        ("gb18030", "今天天气很好，我们一起去公园散步。\n" * 9, "GB18030"),
        ("utf-16-le", "Plain words in two bytes each. " * 9, "UTF-16-LE"),
        ("latin-1", "Où est le café? À côté. " * 9, "LATIN-1"),
        ("big5", "今天天氣很好，我們一起去公園散步。\n" * 9, "BIG5"),
    ],
)
def test_another_encoding_is_detected_and_offered(tmp_path: Path, encoding: str, text: str, proposed: str) -> None:
    path = write(tmp_path / "a.txt", text.encode(encoding))
    with pytest.raises(InputError, match=rf"a\.txt: line 1, byte \d+ is no UTF-8; it looks like {proposed}\. Choose"):
        read(path)
    assert read(path, encoding=encoding)[0][0].text == text


def test_the_place_of_a_wrong_byte_is_right(tmp_path: Path) -> None:
    good = "line with 汉字\n".encode() * 40_000
    path = write(tmp_path / "a.txt", good + b"ab\xff")
    documents, skips = read(path)
    assert "a.txt: line 40,001, byte 3 is no UTF-8" in skips.reasons["not UTF-8"].examples[0]
    assert documents


def test_a_byte_order_mark_is_believed(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert read(write(tmp_path / "a.txt", "标记 mark".encode(encoding)))[0][0].text == "标记 mark"
    csv_with_mark = write(tmp_path / "a.csv", "text,id\n有标记,1\n".encode("utf-8-sig"))
    assert read(csv_with_mark)[0][0].text == "有标记"


BAD = {
    "empty.txt": (b"", r"empty\.txt is empty \(0 bytes\)"),
    "blank.txt": (b"  \n\n ", r"nothing but white space"),
    "picture.txt": (b"\x89PNG\r\n\x1a\n" + b"x" * 99, r"it is a PNG picture"),
    "zeros.jsonl": (b"\x00\x01\x02" * 999, r"binary data"),
    "table.arrow": (b"ARROW1\0\0" + b"x" * 99, r"it is an Arrow file"),
    "short.parquet": (b"PAR1" + b"x" * 99, r"damaged Parquet: .*it may be cut short"),
    "numbers.jsonl": (b'{"a": 1, "b": 2}\n' * 9, r"none of the columns holds text \('a', 'b'\); choose one"),
    "numbers.csv": (b"a,b\n1,2\n3,4\n", r"none of the columns holds text"),
    "half.zip": (b"PK\x03\x04" + b"x" * 99, r"half\.zip is not a whole zip: its directory is missing"),
    "quote.csv": (b'text,id\n"never closed,1\n', r"a quote that opens here is not closed"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_a_sentence(tmp_path: Path, name: str) -> None:
    data, sentence = BAD[name]
    with pytest.raises(InputError, match=sentence):
        read(write(tmp_path / name, data))


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_truncated_compressed_files_give_what_they_hold_and_say_so(tmp_path: Path, name: str) -> None:
    rows = [{"text": f"{i} {'x' * (i % 97)}"} for i in range(50_000)]
    path = write(tmp_path / name, as_jsonl(rows))
    path.write_bytes(path.read_bytes()[:-2_000])
    documents, skips = read(path)
    assert 0 < len(documents) < len(rows)
    assert any("truncated" in reason for reason in skips.reasons)


def test_a_truncated_parquet_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    path = write(tmp_path / "b.parquet", (tmp_path / "a.parquet").read_bytes()[:-50])
    with pytest.raises(InputError, match=r"b\.parquet: .*cut short, copy it again"):
        read(path)


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", as_jsonl(ROWS))
    with pytest.raises(InputError, match=r"there is no column 'txt'; the columns are 'id', '内容', 'lab'"):
        read(path, text_column="txt")


def test_rows_of_the_wrong_width_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"text,id\nfirst row,1\nsecond,2,3\nthird row,3\n")
    documents, skips = read(path)
    assert [d.text for d in documents] == ["first row", "third row"]
    assert skips.reasons["wrong number of fields"].examples == ["a.csv line 3: 3 instead of 2"]


def test_a_table_without_a_header_is_read_from_its_first_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"1;some text here\n2;more text there\n")
    assert [d.text for d in read(path)[0]] == ["some text here", "more text there"]


def test_deep_json_and_endless_lines_break_only_their_line(tmp_path: Path) -> None:
    deep = b'{"text": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    endless = b'{"text": "' + b"y" * 3_000 + b'"}'
    path = write(tmp_path / "a.jsonl", deep + b"\n" + endless + b"\n" + as_jsonl([{"text": "one"}, {"text": "two"}]))
    skips = SkipCounter(9)
    limits = ReadLimits(max_line_bytes=1_000_000)
    assert len(list(read_documents([SourceSpec(path=str(path))], limits, skips))) == 3
    assert reasons(skips) == {"JSON nested too deep": 1}
    skips = SkipCounter(9)
    found = list(read_documents([SourceSpec(path=str(path))], ReadLimits(max_line_bytes=2_000), skips))
    assert len(found) == 2
    assert reasons(skips) == {"line too long": 2}


def test_a_file_that_changed_or_is_gone_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"some words")
    with pytest.raises(InputError, match=r"a\.txt has changed since it was uploaded"):
        read(path, sha256="0" * 64)
    with pytest.raises(InputError, match="is not there"):
        read(tmp_path / "gone.txt")
    with pytest.raises(SpecError, match="choose one place for the label"):
        SourceSpec(path="a", label_column="x", label_from_folder=True)


def test_of_many_files_the_bad_ones_are_counted_and_the_good_ones_read(tmp_path: Path) -> None:
    names = {"a.txt": b"good words", "b.txt": b"", "c.png": b"\x89PNG\r\n", "d.txt": "汉字汉字汉字".encode("gb18030")}
    sources = [SourceSpec(path=str(write(tmp_path / name, data))) for name, data in names.items()]
    skips = SkipCounter(5)
    assert [d.text for d in read_documents(sources, ReadLimits(), skips)] == ["good words"]
    assert reasons(skips) == {"empty file": 1, "no text: a PNG picture": 1, "not UTF-8": 1}
    assert skips.num_broken == 1
