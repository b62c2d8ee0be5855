"""Interactions prepared: planted flaws are found and told, time is never crossed, the result depends on content alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.trainer.data.interactions.tables import BEGIN, DAY, pairs_of, prepared, usual_rows, write_csv
from trainer.data.child import preview_in_child
from trainer.data.interactions.columns import find_columns
from trainer.data.interactions.recipe import (
    CheckStep,
    FilterStep,
    InteractionRecipe,
    InteractionSplitStep,
    ReadStep,
)
from trainer.data.interactions.times import parse_times
from trainer.data.manifest import SPLIT_NAMES
from trainer.data.sources import SourceSpec
from trainer.errors import InputError

HEADER = ["user_id", "item_id", "timestamp"]


def step_of(report: dict, name: str) -> dict:
    return next(step for step in report["steps"] if step["name"] == name)


def test_planted_flaws_are_found_and_told(tmp_path: Path) -> None:
    rows = usual_rows()
    bot = [["机器人", f"商品{i % 20}", BEGIN + i // 10] for i in range(300)]  # ten a second
    broken = [["", "商品1", BEGIN], ["用户1", "", BEGIN], ["用户1", "商品1", "gestern"], ["用户1"]]
    copies = [rows[0], rows[7]]
    lone = [["用户1", "a thing nobody else took", BEGIN + 5]]
    path = write_csv(tmp_path / "clicks.csv", HEADER, rows + broken + bot + copies + lone)
    _, report = prepared(tmp_path / "v", path)
    first = len(rows) + 2  # the header is line 1
    skipped = {skip["reason"]: skip["examples"][0] for skip in report["skipped"]}
    assert skipped["no user in the row"] == f"clicks.csv line {first:,}"
    assert skipped["no item in the row"] == f"clicks.csv line {first + 1:,}"
    assert skipped["no time that can be read"] == f"clicks.csv line {first + 2:,}: timestamp is 'gestern'"
    assert skipped["wrong number of fields"] == f"clicks.csv line {first + 3:,}: 1 instead of 3"
    assert step_of(report, "duplicates")["reasons"][0]["documents"] == 2
    assert step_of(report, "bots")["reasons"][0]["examples"] == ["机器人 (300)"]
    assert step_of(report, "filter")["reasons"][0]["documents"] == 1
    assert report["totals"]["documents"] == len(rows)
    assert report["interactions"]["users"] == 30
    assert report["interactions"]["items"] == 20
    assert report["interactions"]["density"] == pytest.approx(300 / 600)
    assert report["interactions"]["time"]["sessions"]["count"] == 300  # one a day each


def test_what_is_measured_lies_behind_all_that_is_learnt_from(tmp_path: Path) -> None:
    rows = usual_rows()
    rows += [[f"用户{user}", "商品0", BEGIN + 8 * DAY] for user in range(30)]  # one moment, at about the cut
    version, _ = prepared(tmp_path / "v", write_csv(tmp_path / "clicks.csv", HEADER, rows))
    times = [[time for _, _, time in pairs_of(version, name)] for name in SPLIT_NAMES]
    assert all(times)
    assert max(times[0]) < min(times[1])
    assert max(times[1]) < min(times[2])
    assert sum(map(len, times)) == len({tuple(row) for row in rows})
    test = version.open_split("test")
    for user in range(test.num_users):
        assert set(test.before.of(user)) == set(version.open_split("train").own.of(user)) | set(
            version.open_split("validation").own.of(user)
        )


def test_the_same_content_gives_the_same_hash_whatever_its_form(tmp_path: Path) -> None:
    rows = usual_rows()
    csv_path = write_csv(tmp_path / "a.csv", HEADER, rows)
    lines = [json.dumps(dict(zip(HEADER, row, strict=True)), ensure_ascii=False) for row in rows]
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    frame = pl.DataFrame(rows, schema=["用户", "商品", "时间"], orient="row")
    frame.with_columns(pl.from_epoch("时间")).write_parquet(tmp_path / "c.parquet")
    paths = [csv_path, tmp_path / "b.jsonl.gz", tmp_path / "c.parquet"]
    hashes = {prepared(tmp_path / path.stem, path)[0].manifest.content_hash for path in paths}
    assert len(hashes) == 1
    version, _ = prepared(tmp_path / "again", csv_path)
    version.verify()
    other, _ = prepared(tmp_path / "fewer", write_csv(tmp_path / "fewer.csv", HEADER, rows[:-1]))
    assert other.manifest.content_hash not in hashes


def test_tables_of_items_and_users_describe_them(tmp_path: Path) -> None:
    rows = usual_rows()
    prices = np.linspace(1, 99, 21)
    items = [[f"商品{i}", f"Title of {i}", "书|纸" if i % 2 else "食", f"{prices[i]:.2f}"] for i in range(21)]
    users = [[f"用户{u}", ["北京", "上海"][u % 2]] for u in range(30)]
    version, report = prepared(
        tmp_path / "v",
        write_csv(tmp_path / "clicks.csv", HEADER, rows),
        write_csv(tmp_path / "items.csv", ["item_id", "title", "genre", "price"], items),
        write_csv(tmp_path / "users.csv", ["user_id", "city"], users),
    )
    split = version.open_split("train")
    names, bags = split.feature_names("item"), split.features("item")
    number = split.item_names.index("商品1")
    bag = [names[n] for n in bags.numbers[bags.starts[number] : bags.starts[number + 1]]]
    assert bag[:2] == ["genre=书", "genre=纸"]
    assert bag[2].startswith("price=1 to ")
    assert "商品20" in split.item_names  # nobody took it yet, and the table describes it
    assert split.feature_names("user") == ["city=北京", "city=上海"]
    assert report["interactions"]["popularity"]["top"][0]["title"].startswith("Title of ")


def test_a_k_core_is_what_is_left_when_all_have_enough(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    rows = [[int(u), int(i), BEGIN + n] for n, (u, i) in enumerate(chance.zipf(1.6, size=(3_000, 2)) % 200)]
    recipe = InteractionRecipe(filter=FilterStep(min_per_user=5, min_per_item=5), check=CheckStep(max_per_minute=0))
    version, _ = prepared(tmp_path / "v", write_csv(tmp_path / "a.csv", HEADER, rows), recipe=recipe)
    every = version.open_split("train").everything
    assert np.diff(every.starts).min() >= 5
    assert every.counts(version.manifest.facts["num_items"]).min() >= 5


def test_what_comes_later_keeps_no_rare_item_and_describes_nobody(tmp_path: Path) -> None:
    """Taken once in training and again in the test, an item is as rare as any taken once; nor is a later value known."""
    rows = [[*row, "free"] for row in usual_rows()]
    rows += [["用户1", "rare", BEGIN + DAY, "free"], ["用户2", "rare", BEGIN + 9 * DAY + 900, "free"]]
    rows += [["用户3", "new", BEGIN + 9 * DAY + n, "free"] for n in (800, 801)]
    rows.reverse()  # the file tells the latest first
    for row in rows:
        if row[2] >= BEGIN + 9 * DAY and row[0] in ("用户4", "用户5"):
            row[3] = "paid"
        elif row[0] == "用户5":
            row[3] = ""
    path = write_csv(tmp_path / "a.csv", [*HEADER, "plan"], rows)
    version, report = prepared(tmp_path / "v", path, recipe=InteractionRecipe(read=ReadStep(user_features="plan")))
    train = version.open_split("train")
    assert "rare" not in train.item_names
    assert "new" in train.item_names  # it has no past that could have been too short
    names, bags = train.feature_names("user"), train.features("user")
    told = {
        user: [names[n] for n in bags.numbers[a:b]]
        for user, a, b in zip(train.user_names, bags.starts, bags.starts[1:], strict=False)
    }
    assert told["用户4"] == ["plan=free"]
    assert told["用户5"] == []  # known after the training part alone
    assert any("1 values of user features became known only after" in each for each in report["warnings"])


def test_weights_and_ratings_that_say_nothing_are_told(tmp_path: Path) -> None:
    rows = [[*row, 2, 4] for row in usual_rows()]
    rows[3][3], rows[4][3], rows[5][3] = -1, 0, "three"
    rows[6][4], rows[7][4], rows[8][2] = "good", "", 4_000_000_000
    path = write_csv(tmp_path / "a.csv", [*HEADER, "quantity", "rating"], rows)
    version, report = prepared(tmp_path / "v", path)
    assert step_of(report, "weights")["reasons"][0]["documents"] == 2
    skipped = {skip["reason"]: skip["examples"][0] for skip in report["skipped"]}
    assert skipped["no weight that can be read"] == "a.csv line 7: quantity is 'three'"
    assert skipped["no rating that can be read"] == "a.csv line 8: rating is 'good'"
    assert any("1 interaction in the future, the latest at 2096-10-02" in each for each in report["warnings"])
    assert report["totals"]["documents"] == len(rows) - 4
    assert set(np.unique(version.open_split("train").weights)) == {2.0}


def test_names_that_stand_for_nothing_and_too_few_of_a_side_are_told(tmp_path: Path) -> None:
    rows = [["one", "NaN" if n % 2 else "商品", BEGIN + n * DAY] for n in range(40)]
    _, report = prepared(tmp_path / "v", write_csv(tmp_path / "a.csv", HEADER, rows))
    assert "The item 'NaN' has 20 interactions: if that stands for a missing name" in report["warnings"][0]
    assert "Found 1 user and 2 items" in report["warnings"][1]


def test_ratings_repeats_and_divisions(tmp_path: Path) -> None:
    rows = [[*row, 1 + n % 5] for n, row in enumerate(usual_rows())]
    rows += [[*row[:2], row[2] + 500, 5] for row in rows[:20]]
    path = write_csv(tmp_path / "a.csv", [*HEADER, "rating"], rows)
    recipe = InteractionRecipe(check=CheckStep(min_rating=3, repeats="last"), split=InteractionSplitStep(by="last"))
    version, report = prepared(tmp_path / "v", path, recipe=recipe)
    assert step_of(report, "ratings")["documents_out"] == sum(row[3] >= 3 for row in rows)
    pairs = [pair for name in SPLIT_NAMES for pair in pairs_of(version, name)]
    assert len({pair[:2] for pair in pairs}) == len(pairs)
    assert version.manifest.splits["test"].num_documents == version.manifest.facts["num_users"]
    by_user = {user: time for user, _, time in pairs_of(version, "test")}
    assert all(time <= by_user[user] for user, _, time in pairs_of(version, "train") if user in by_user)


def test_without_times_division_is_by_chance_and_says_so(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", HEADER[:2], [row[:2] for row in usual_rows()])
    version, report = prepared(tmp_path / "v", path)
    assert "divided by chance" in report["warnings"][0]
    assert all(version.manifest.splits[name].num_documents for name in SPLIT_NAMES)
    with pytest.raises(InputError, match="has no column of times"):
        prepared(tmp_path / "w", path, recipe=InteractionRecipe(split=InteractionSplitStep(by="time")))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["a", "b"], "no column holds users or items; the columns are 'a', 'b'"),
        (
            ["user", "time"],
            "a.csv has user: user, time: time, a table of users, described by nothing. Choose the columns",
        ),
        (HEADER, "Only 3 interactions left"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_words(tmp_path: Path, header: list[str], message: str) -> None:
    rows = [row[: len(header)] for row in [["u", "i", BEGIN], ["u", "j", BEGIN + 1], ["v", "i", BEGIN + 2]]]
    recipe = InteractionRecipe(filter=FilterStep(min_per_user=1, min_per_item=1))
    with pytest.raises(InputError, match=message):
        prepared(tmp_path / "v", write_csv(tmp_path / "a.csv", header, rows), recipe=recipe)


def test_a_column_that_no_table_has_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", HEADER, usual_rows())
    with pytest.raises(InputError, match=r"read\.rating_column is 'stars', and no table has it"):
        prepared(tmp_path / "v", path, recipe=InteractionRecipe(read=ReadStep(rating_column="stars")))


def test_columns_without_names_are_told_by_their_values() -> None:
    head = [{"column_1": "196", "column_2": "242", "column_3": "3", "column_4": "881250949"}]
    found = find_columns(list(head[0]), head, ReadStep())
    assert (found.user, found.item, found.rating, found.time) == ("column_1", "column_2", "column_3", "column_4")


def test_times_in_many_forms_are_the_same_moment() -> None:
    same = ["1704164645", "1704164645000", "1704164645000000", "2024-01-02 03:04:05", "2024-01-02T03:04:05Z",
            "2024-01-02T11:04:05+08:00", "2024/01/02 03:04:05", "2024年01月02日 03:04:05",
            "02.01.2024 03:04:05"]  # fmt: skip
    times, is_time = parse_times(same)
    assert is_time.all()
    assert set(times.tolist()) == {1_704_164_645_000}
    assert parse_times(["soon", "", None, "2024-13-40", "11/12/2023"])[1].tolist() == [False] * 5


def test_preview_says_what_columns_were_taken_for(tmp_path: Path) -> None:
    clicks = write_csv(tmp_path / "clicks.csv", HEADER, usual_rows())
    items = write_csv(tmp_path / "items.csv", ["item_id", "genre"], [["商品1", "书"]])
    found = preview_in_child([SourceSpec(path=str(path)) for path in (clicks, items)], data_kind="interactions")
    assert (
        found.form
        == "user: user_id, item: item_id, time: timestamp; item: item_id, a table of items, described by genre"
    )
    assert found.warnings == []
    assert found.rows[0].values["user_id"] == "用户0"
