"""A log of 100,000 lines is read in parts, searched and shown without its terminal codes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from webapp.jobs.logs import PAGE_BYTES, clean_line, last_lines, log_page, log_search


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "log.txt"
    path.write_text("".join(f"line {i} 步骤 of the training\n" for i in range(1, 100_001)))
    return path


def test_end_comes_first_and_quickly(long_log: Path) -> None:
    began = time.perf_counter()
    page = log_page(long_log)
    assert time.perf_counter() - began < 0.5
    assert page.text.startswith("line ")
    assert page.text.endswith("line 100000 步骤 of the training\n")
    assert page.next_offset == page.size_bytes == long_log.stat().st_size


def test_parts_together_are_the_whole(long_log: Path) -> None:
    forwards, offset = "", 0
    while offset < long_log.stat().st_size:
        page = log_page(long_log, offset=offset)
        forwards, offset = forwards + page.text, page.next_offset
    backwards, before = "", long_log.stat().st_size
    while before > 0:
        page = log_page(long_log, before=before)
        assert len(page.text.encode()) <= PAGE_BYTES
        backwards, before = page.text + backwards, page.offset
    assert forwards == backwards == long_log.read_text()


def test_search_gives_number_and_place(long_log: Path) -> None:
    found = log_search(long_log, "LINE 77777 ")
    assert [match.line for match in found] == [77_777]
    assert log_page(long_log, offset=found[0].offset).text.startswith("line 77777 ")
    assert len(log_search(long_log, "步骤")) == 200
    assert log_search(long_log, "nothing like it") == []


def test_last_lines_and_a_log_that_is_not_there(long_log: Path, tmp_path: Path) -> None:
    assert len(last_lines(long_log, 50).splitlines()) == 50
    assert last_lines(tmp_path / "none", 50) == ""
    assert log_page(tmp_path / "none").text == ""
    assert log_page(long_log, offset=10**12).text == ""


def test_half_a_line_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"whole\nhal")
    assert log_page(path).text == "whole\n"
    assert log_page(path, offset=6).text == ""


def test_line_longer_than_a_page_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * (3 * PAGE_BYTES) + b"\n")
    page = log_page(path, offset=0)
    assert page.next_offset == PAGE_BYTES
    assert len(page.text) < 3_000


def test_terminal_codes_and_control_characters_do_not_reach_the_page() -> None:
    assert clean_line("\x1b[31mred\x1b[0m\x07") == "red"
    assert clean_line(" 10%|█\r 20%|██\r 30%|███\r") == " 30%|███"
    assert clean_line("a\x1b]0;title\x07b") == "ab"
