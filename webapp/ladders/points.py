"""A ladder's landed points in the form that economics fits, and points of runs done elsewhere read from a CSV."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from economics.errors import InputError
from economics.scaling import Conventions, Points, points_read
from webapp.ladders.models import Ladder, LadderPoint

MAX_CSV_BYTES = 1_000_000


def landed(ladder: Ladder) -> list[LadderPoint]:
    """Return the points that the fit may use, in order."""
    rows = ladder.points.filter(loss__isnull=False, is_left_out=False)
    return list(rows.select_related("run", "after"))


def economics_points(ladder: Ladder, rows: Sequence[LadderPoint]) -> Points:
    """Return the points as economics takes them, with the conventions they are counted in.

    Each complete schedule counts as one run: cooldowns of one trunk share its seed, which the ladder's fit says, and the
    repeated rung measures what that hides.
    """
    in_bits = uses_bits(rows)
    numbers = {key: index for index, key in enumerate(dict.fromkeys(_cluster(row) for row in rows))}
    return Points(
        num_params=_array(row.num_params for row in rows),
        num_tokens=_array(row.num_tokens for row in rows),
        loss=_array((row.bits_per_byte if in_bits else row.loss) for row in rows),
        run=np.array([numbers[_cluster(row)] for row in rows]),
        flop=_all_or_none([row.flop for row in rows]),
        num_unique_tokens=_all_or_none([row.num_unique_tokens for row in rows]),
        learning_rate=_all_or_none([row.learning_rate for row in rows]),
        num_params_in_matmuls=_all_or_none([row.num_params_in_matmuls for row in rows]),
        conventions=Conventions(
            counted_params="total",
            counts_attention_flop=True,
            tokenizer=tokenizer_of(ladder),
            loss_unit="bits_per_byte" if in_bits else "nats_per_token",
            vocabulary_size=vocabulary_size(ladder),
            bytes_per_token=bytes_per_token(ladder, rows),
        ),
    )


def uses_bits(rows: Sequence[LadderPoint]) -> bool:
    """Losses of runs made elsewhere may belong to another tokenizer: then all are compared as bits per byte, if known."""
    return any(row.role == "external" for row in rows) and all(row.bits_per_byte is not None for row in rows)


def vocabulary_size(ladder: Ladder) -> int | None:
    """Return how many tokens the ladder's tokenizer has; of runs done elsewhere, what their file said."""
    version = ladder.dataset_version
    return version.vocab_size if version else ladder.settings.get("vocabulary_size")


def bytes_per_token(ladder: Ladder, rows: Sequence[LadderPoint]) -> float | None:
    """Return what a token of the ladder's own runs stands for, by their two units of loss; else what a file said."""
    own = [row for row in rows if row.role != LadderPoint.Role.EXTERNAL]
    found = [row.loss / (row.bits_per_byte * math.log(2)) for row in own if row.loss and row.bits_per_byte]
    return float(np.mean(found)) if found else ladder.settings.get("bytes_per_token")


def tokenizer_of(ladder: Ladder) -> str:
    version = ladder.dataset_version
    return f"{version} · {version.content_hash[:12]}" if version else str(ladder.settings.get("tokenizer", ""))


def points_from_csv(content: bytes) -> tuple[list[LadderPoint], Conventions]:
    """Return unsaved points of a CSV and what they count; raise `InputError` with the row and the column that cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.csv"
        path.write_bytes(content)
        try:
            points = points_read(path)
        except InputError as error:
            where = "the upload" if error.value == str(path) else error.value  # nobody chose the name of our copy
            raise InputError(error.field, where, error.expected) from error
    in_bits = points.conventions.loss_unit == "bits_per_byte"
    found = [
        LadderPoint(
            role=LadderPoint.Role.EXTERNAL,
            label=f"row {row + 1}",
            cluster=f"csv-{points.run[row]}",
            num_params=points.num_params[row],
            num_tokens=points.num_tokens[row],
            num_unique_tokens=points.num_unique_tokens[row],
            loss=points.loss[row],
            bits_per_byte=points.loss[row] if in_bits else None,
            flop=points.compute_flop[row],
            learning_rate=points.learning_rate[row] if points.learning_rate.size else None,
            num_params_in_matmuls=points.num_params_in_matmuls[row] if points.num_params_in_matmuls.size else None,
        )
        for row in range(points.num_points)
    ]
    return found, points.conventions


def _cluster(row: LadderPoint) -> str:
    return row.cluster or f"point-{row.pk}"


def _array(values: object) -> np.ndarray:
    return np.array([float(value) for value in values], dtype=float)  # type: ignore[attr-defined]


def _all_or_none(values: list[float | None]) -> np.ndarray:
    known = [value for value in values if value is not None]
    return np.array(known, dtype=float) if len(known) == len(values) else np.empty(0)
