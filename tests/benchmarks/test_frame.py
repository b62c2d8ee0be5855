"""The frame of the benchmarks: turns, lines, ratios within one run, what fell, the table."""

from __future__ import annotations

import msgspec

from benchmarks.frame.check import falls
from benchmarks.frame.compare import Child, Here, Limit, compare
from benchmarks.frame.lines import Line, append, ratio_of, read_all, runs_of
from benchmarks.frame.report import table


def test_contenders_take_turns_and_tell_a_line_each(capsys):
    turns = []
    contenders = [
        Here(name="isocost", work=lambda: turns.append("ours") or 30.0),
        Here(name="other", work=lambda: turns.append("peer") or 20.0),
    ]
    lines = compare(
        "bench", "small", contenders, unit="MB/s", rounds=3, peers=["other"], target=1.25, is_recorded=False
    )
    assert turns == ["ours", "peer"] * 3
    told = [msgspec.json.decode(text, type=Line) for text in capsys.readouterr().out.splitlines()]
    assert told == lines
    ratio = ratio_of(lines, lines[0])
    assert (ratio.value, ratio.peer.contender, lines[0].target, lines[1].target) == (1.5, "other", 1.25, None)


def test_a_child_is_held_against_a_limit_measured_in_the_same_run():
    copy = Child(name="copy", module="benchmarks.frame.limits", arguments={"name": "memory copy"})
    limit = Limit(name="memory copy", work_per_unit=1.0)
    (line,) = compare("bench", "memory", [copy], unit="bytes/s", rounds=2, limit=limit, is_recorded=False)
    assert line.value > 1e8
    assert 0.2 < line.fraction_of_limit < 5
    assert 0 <= line.cpu_share_of_others <= 1


def test_a_contender_that_is_not_here_is_passed_over_with_a_sentence(capsys):
    broken = Child(name="broken", module="benchmarks.frame.limits", arguments={"name": "no such limit"})
    lines = compare(
        "bench", "small", [broken, Here(name="isocost", work=lambda: 1.0)], unit="s", rounds=1, is_recorded=False
    )
    assert [line.contender for line in lines] == ["isocost"]
    assert "broken is passed over: its process ended with code 1" in capsys.readouterr().err


def line(contender: str, value: float, run: str, **more) -> Line:
    rest = {"bench": "chart", "shape": "10 M points", "unit": "ms", "spread": 0.0, "num_rounds": 3, "machine": "m"}
    return Line(contender=contender, value=value, run=run, cpu_share_of_others=0.0, **rest, **more)


def test_a_ratio_that_fell_by_over_a_tenth_is_told_and_the_table_shows_it(tmp_path):
    append([line("isocost", 10, "1"), line("peer", 50, "1", is_peer=True)], tmp_path)
    append([line("isocost", 12, "2"), line("peer", 50, "2", is_peer=True)], tmp_path)
    ((before, now),) = runs_of(read_all(tmp_path)).values()
    assert falls(before, now) == ["chart, 10 M points, isocost: the ratio to peer fell from 5 to 4.17, -17 %"]
    assert falls(now, before) == []
    assert "| **isocost** | 12 | 0 |  | 0 % | 4.17 × peer |" in table(now)
