"""First pass over tables: rows become numbers, batch by batch; what describes users and items is kept beside them.

What is held of an interaction is 28 bytes, so that a hundred million fit where people train on them. Names are held once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.columns import column_names
from trainer.data.formats.reading import BrokenFileError, Row
from trainer.data.interactions.columns import Columns, find_columns, listed, told_of
from trainer.data.interactions.recipe import ReadStep
from trainer.data.interactions.times import parse_times
from trainer.data.opening import OpenFile, check_source, open_source, rows_of
from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.errors import InputError

BATCH_ROWS = 65_536
HEAD_ROWS = 200

ALWAYS = -(2**63)
"""When what a table of users or items says became known."""

Values = dict[int, str]
"""Number of a user or an item -> its value of one feature."""


@dataclass(slots=True)
class Side:
    """Users, or items: their names in order of appearance, and what describes them."""

    numbers: dict[str, int] = field(default_factory=dict)
    features: dict[str, Values] = field(default_factory=dict)
    known_since: dict[str, dict[int, int]] = field(default_factory=dict)
    """Feature -> moment of the interaction that told the value; none for what was always known."""

    num_conflicts: int = 0
    """Values that differ from one that was read before for the same user or item; the earliest one stays."""

    def number(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))

    def describe(self, feature: str, number: int, value: str, moment: int = ALWAYS) -> None:
        """Keep a value, unless one is known from an earlier moment: a later one would tell of the future."""
        if not value:
            return
        values, since = self.features.setdefault(feature, {}), self.known_since.setdefault(feature, {})
        self.num_conflicts += values.get(number, value) != value
        if number not in values or moment < since.get(number, ALWAYS):
            values[number] = value
            since[number] = moment
            if moment == ALWAYS:
                del since[number]

    def forget_late(self, first_moments: dict[int, int], cut: int) -> int:
        """Forget values that were told from `cut` on of users or items that were there before; return how many."""
        num_forgotten = 0
        for feature, since in self.known_since.items():
            late = [number for number, moment in since.items() if moment >= cut > first_moments.get(number, cut)]
            for number in late:
                del self.features[feature][number]
            num_forgotten += len(late)
        return num_forgotten


@dataclass(slots=True)
class Table:
    """Interactions in the order in which they were read; arrays have one entry each."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    times: NDArray[np.int64]
    """Milliseconds since 1970, or the order of reading where there are no times."""

    ratings: NDArray[np.float32]
    """NaN where there is none."""

    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.users)

    def take(self, chosen: NDArray[Any]) -> Table:
        return Table(*(getattr(self, name)[chosen] for name in Table.__dataclass_fields__))


@dataclass(slots=True)
class Gathered:
    """What the first pass leaves."""

    users: Side = field(default_factory=Side)
    items: Side = field(default_factory=Side)
    titles: Values = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    """Items that somebody took; the others are known from tables of items alone."""

    parts: list[Table] = field(default_factory=list)
    num_rows: int = 0
    bytes_read: int = 0
    has_times: bool = False
    has_ratings: bool = False
    has_weights: bool = False
    columns: dict[str, Columns] = field(default_factory=dict)
    """File -> what its columns hold."""

    def table(self) -> Table:
        """Return all interactions, and forget the parts."""
        names = Table.__dataclass_fields__
        whole = Table(*(np.concatenate([getattr(part, name) for part in self.parts]) for name in names))
        self.parts.clear()
        return whole


def gather(
    sources: Sequence[SourceSpec],
    step: ReadStep,
    skips: SkipCounter,
    *,
    on_batch: Callable[[int], object] = lambda _: None,
) -> Gathered:
    """Read every table; `on_batch` gets the number of rows so far and may raise to end. Raises `InputError` for no rows."""
    found = Gathered()
    require_columns(sources, step)
    for source in sources:
        check_source(source)
        found.bytes_read += Path(source.path).stat().st_size
        for file in open_source(source, ReadLimits(max_broken_lines=step.max_broken_lines), skips):
            try:
                _read_file(file, step, found, on_batch)
            except BrokenFileError as error:
                skips.broken(error.reason, file.reading.where, error.detail)
    if not any(map(len, found.parts)):
        raise InputError(f"The tables hold no interaction of a user with an item: {why_none(found, skips)}")
    return found


def why_none(found: Gathered, skips: SkipCounter) -> str:
    """Return why tables hold no interaction: what was skipped, or what their columns were taken for."""
    skipped = [f"{skip['reason']}: {skip['examples'][0]}" for skip in skips.as_report()[:3]]
    told = [f"{file} has {told_of(columns)}" for file, columns in list(found.columns.items())[:3]]
    if not skipped and not told:
        return "they have no rows."
    return "; ".join(skipped or told) + ". Choose the columns of users and items (read.user_column, read.item_column)."


def require_columns(sources: Sequence[SourceSpec], step: ReadStep) -> None:
    """Raise `InputError` for a column that was chosen and that no table has: it would be passed over silently."""
    chosen = {
        f"{role}_column": getattr(step, f"{role}_column")
        for role in ("user", "item", "time", "rating", "weight", "title")
    }
    chosen = {field_name: name for field_name, name in chosen.items() if name not in ("", "-")}
    if not chosen:
        return
    names: set[str] = set()
    for source in sources:
        check_source(source)
        for file in open_source(source, ReadLimits(), SkipCounter(1 << 30)):
            if file.format != "text":
                names.update(column_names(list(islice(rows_of(file), HEAD_ROWS))))
    for field_name, name in chosen.items():
        if name not in names:
            raise InputError(
                f"read.{field_name} is {name!r}, and no table has it; the columns are {listed(sorted(names))}"
            )


def _read_file(file: OpenFile, step: ReadStep, found: Gathered, on_batch: Callable[[int], object]) -> None:
    if file.format == "text":
        raise BrokenFileError("not a table", "give CSV, TSV, JSONL or Parquet")
    rows = rows_of(file)
    head = list(islice(rows, HEAD_ROWS))
    if not head:
        return
    columns = find_columns(column_names(head), [row for _, row in head], step)
    found.columns[file.reading.where] = columns
    every: Iterator[Row] = chain(head, rows)
    if file.format == "parquet":
        file.stream.seek(0)
        every = rows_of(file, columns.used())
    while batch := list(islice(every, BATCH_ROWS)):
        found.num_rows += len(batch)
        if columns.has_interactions:
            found.parts.append(_interactions(batch, columns, found, file))
        else:
            _descriptions(batch, columns, found, file)
        on_batch(found.num_rows)


def _interactions(batch: list[Row], columns: Columns, found: Gathered, file: OpenFile) -> Table:
    """Return the interactions of a batch; rows without a user, an item or a time are counted with their place."""
    users, items, kept = [], [], []
    for position, (number, row) in enumerate(batch):
        user, item = name_of(row.get(columns.user)), name_of(row.get(columns.item))
        if not user or not item:
            _broken(file, number, f"no {'user' if not user else 'item'} in the row")
            continue
        users.append(user)
        items.append(item)
        kept.append(position)
    table = Table(
        np.fromiter(map(found.users.number, users), np.int32, len(users)),
        np.fromiter(map(found.items.number, items), np.int32, len(items)),
        np.arange(found.num_rows - len(batch), found.num_rows, dtype=np.int64)[kept],
        _numbers(batch, kept, columns.rating, np.nan),
        _numbers(batch, kept, columns.weight, 1.0),
    )
    found.has_ratings |= bool(columns.rating)
    found.has_weights |= bool(columns.weight)
    is_read = {"rating": ~np.isinf(table.ratings), "weight": np.isfinite(table.weights)}
    if columns.time:
        found.has_times = True
        table.times, is_read["time"] = parse_times([batch[position][1].get(columns.time) for position in kept])
    if not all(each.all() for each in is_read.values()):
        table, kept = _without_unread(batch, kept, table, is_read, columns, file)
    _describe(batch, kept, table, columns, found)
    found.taken.update(np.unique(table.items).tolist())
    return table


def _without_unread(
    batch: list[Row],
    kept: list[int],
    table: Table,
    is_read: dict[str, NDArray[np.bool_]],
    columns: Columns,
    file: OpenFile,
) -> tuple[Table, list[int]]:
    """Tell of rows with a time, a rating or a weight that cannot be read, and leave them out."""
    are_whole = np.ones(len(table), bool)
    for role, read in is_read.items():
        column = getattr(columns, role)
        for index in np.flatnonzero(~read & are_whole):
            number, row = batch[kept[int(index)]]
            _broken(file, number, f"no {role} that can be read", f"{column} is {str(row.get(column))[:40]!r}")
        are_whole &= read
    return table.take(are_whole), [kept[int(index)] for index in np.flatnonzero(are_whole)]


def _describe(batch: list[Row], kept: list[int], table: Table, columns: Columns, found: Gathered) -> None:
    """Keep what the rows say of their users and items, and since when."""
    moments = table.times.tolist() if columns.time else [ALWAYS] * len(kept)
    for side, numbers, names in (
        (found.users, table.users, columns.user_features),
        (found.items, table.items, columns.item_features),
    ):
        for name in names:
            for number, position, moment in zip(numbers.tolist(), kept, moments, strict=True):
                side.describe(name, number, value_of(batch[position][1].get(name)), moment)
    if columns.title:
        for number, position in zip(table.items.tolist(), kept, strict=True):
            found.titles.setdefault(number, name_of(batch[position][1].get(columns.title)))


def _descriptions(batch: list[Row], columns: Columns, found: Gathered, file: OpenFile) -> None:
    """Take in a table of items or of users."""
    side, key = (found.items, columns.item) if columns.item else (found.users, columns.user)
    features = columns.item_features if columns.item else columns.user_features
    for number, row in batch:
        if not (name := name_of(row.get(key))):
            _broken(file, number, "no name in the row", f"{key} is empty")
            continue
        one = side.number(name)
        for feature in features:
            side.describe(feature, one, value_of(row.get(feature)))
        if columns.item and columns.title:
            found.titles.setdefault(one, name_of(row.get(columns.title)))


def _numbers(batch: list[Row], kept: list[int], column: str, default: float) -> NDArray[np.float32]:
    if not column:
        return np.full(len(kept), default, np.float32)
    return np.array([number_of(batch[position][1].get(column), default) for position in kept], np.float32)


def number_of(value: Any, default: float) -> float:
    """Return a number; the default where nothing is given, infinity for what is no number."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.inf


def name_of(value: Any) -> str:
    """Return a user or an item as text; 17.0, as some tools write whole numbers, is 17."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def value_of(value: Any) -> str:
    """Return the value of a feature as text; several are joined by |."""
    if isinstance(value, list | tuple):
        return "|".join(filter(None, map(name_of, value)))
    return name_of(value)


EMPTY_NAMES = frozenset({"nan", "null", "none", "n/a", "na", "undefined", "unknown", "-"})
"""What programs write where nothing is known."""


def _broken(file: OpenFile, number: int, reason: str, detail: str = "") -> None:
    tell = file.reading.broken_row if file.format == "parquet" else file.reading.broken_line
    tell(number, reason, detail)
