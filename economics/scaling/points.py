"""Points to fit a law to: sizes, tokens, losses, which belong to one run, and what the conventions are."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError
from economics.scaling.conventions import Conventions, bits_per_byte
from economics.units import parse_quantity

Floats = NDArray[np.float64]
REQUIRED = ("num_params", "num_tokens", "loss")
OPTIONAL = ("weight", "flop", "num_unique_tokens", "learning_rate", "num_params_in_matmuls")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """Trained models: one row is one loss measured at one size and token count.

    >>> points = Points(num_params=[1e8, 2e8], num_tokens=[2e9, 4e9], loss=[3.4, 3.1])
    >>> points.num_points, points.num_clusters, float(points.compute_flop[0])
    (2, 2, 1.2e+18)
    """

    num_params: Floats
    """N of each row, in the convention's count."""

    num_tokens: Floats
    """D of each row: tokens seen, repeats counted each time."""

    loss: Floats
    """Loss of each row."""

    run: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Number of the run a row belongs to; rows of one run share its seed, so they are resampled together."""

    weight: Floats = field(default_factory=lambda: np.empty(0))
    """Weight of each row, >= 0; 1 unless given."""

    flop: Floats = field(default_factory=lambda: np.empty(0))
    """Counted training FLOP of each row; k N D unless given."""

    num_unique_tokens: Floats = field(default_factory=lambda: np.empty(0))
    """Different tokens behind the tokens seen; all of them unless given."""

    learning_rate: Floats = field(default_factory=lambda: np.empty(0))
    """Peak learning rate of each row; empty if not known."""

    num_params_in_matmuls: Floats = field(default_factory=lambda: np.empty(0))
    """N counted the other way, where known: parameters in matrix products; kept with the fit, not fitted."""

    conventions: Conventions = field(default_factory=Conventions)
    """What the numbers count."""

    def __post_init__(self) -> None:
        size = len(np.atleast_1d(self.num_params))
        defaults: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
            "run": np.arange(size),
            "weight": np.ones(size),
            "flop": np.empty(0),
            "num_unique_tokens": np.asarray(self.num_tokens, dtype=float),
            "learning_rate": np.empty(0),
            "num_params_in_matmuls": np.empty(0),
        }
        for name in (*REQUIRED, "run", *OPTIONAL):
            values = np.asarray(getattr(self, name), dtype=np.int64 if name == "run" else float)
            values = defaults[name] if values.size == 0 and name in defaults else values
            if name not in ("flop", "learning_rate", "num_params_in_matmuls") or values.size:
                self._check(name, values, size)
            object.__setattr__(self, name, values)
        object.__setattr__(self, "conventions", self._counted())

    def _counted(self) -> Conventions:
        """The conventions with the FLOP per parameter and token that the points themselves count."""
        if self.flop.size == 0:
            return self.conventions
        ratio = float(np.exp(np.mean(np.log(self.flop / (self.num_params * self.num_tokens)))))
        if not 1 <= ratio <= 60:
            raise InputError("flop", f"{ratio:.3g} x N x D on average", "training FLOP, about 6 x N x D")
        return replace(self.conventions, flop_per_param_token=float(f"{ratio:.6g}"))

    @staticmethod
    def _check(name: str, values: NDArray[np.float64] | NDArray[np.int64], size: int) -> None:
        if values.shape != (size,):
            raise InputError(name, f"{values.shape[0]} values", f"as long as num_params ({size})")
        floor = -np.inf if name == "run" else 0.0
        bad = ~np.isfinite(values) | (values < floor) | ((values == 0) & (name not in ("run", "weight")))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InputError(f"{name} of row {row + 1}", float(values[row]), "a positive, finite number")

    @property
    def num_points(self) -> int:
        """Rows."""
        return int(self.num_params.size)

    @property
    def num_clusters(self) -> int:
        """Runs: rows of one run are one piece of evidence, however many checkpoints it logged."""
        return int(np.unique(self.run).size)

    @property
    def compute_flop(self) -> Floats:
        """Counted FLOP where given, k N D otherwise."""
        if self.flop.size:
            return self.flop
        return np.asarray(self.conventions.flop_per_param_token * self.num_params * self.num_tokens)

    @property
    def tokens_per_param(self) -> Floats:
        """D / N of each row."""
        return np.asarray(self.num_tokens / self.num_params)

    def columns(self) -> dict[str, list[float]]:
        """The points as plain columns, to be kept with a fit."""
        names = [*REQUIRED, "run", *(name for name in OPTIONAL if getattr(self, name).size)]
        return {name: getattr(self, name).tolist() for name in names}

    def subset(self, keep: NDArray[np.bool_]) -> Points:
        """The rows where `keep` is true."""
        rows = {
            name: (values[keep] if values.size else values)
            for name in (*REQUIRED, "run", *OPTIONAL)
            for values in [getattr(self, name)]
        }
        return Points(**rows, conventions=self.conventions)


def points_read(path: str | Path, *, conventions: Conventions | None = None) -> Points:
    """Read points from a CSV with a header: num_params, num_tokens, loss, and optionally run, weight, flop,
    num_unique_tokens, learning_rate, num_params_in_matmuls, and bytes_per_token, which turns losses in nats a token into
    bits a byte. vocabulary_size, and bits_per_byte beside a loss in nats, tell what the tokenizer is. Other columns are
    ignored.

    Raises
    ------
    InputError : naming the file's column, row and value that cannot be used
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            rows = list(reader)
    except OSError as error:
        raise InputError("points", str(path), f"a CSV file that can be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("points", str(path), f"a CSV file in UTF-8 ({error})") from None
    if missing := [name for name in REQUIRED if name not in header]:
        raise InputError("columns", ", ".join(header) or "none", f"a header with {', '.join(missing)} too")
    if not rows:
        raise InputError("points", "no rows", "at least one row under the header")
    for number, row in enumerate(rows, 1):
        if None in row:
            raise InputError(f"row {number}", ", ".join(row[None]), "left out: the header has no columns for it")
    columns = {name: [_number(name, row[name], i) for i, row in enumerate(rows, 1)] for name in REQUIRED}
    for name in OPTIONAL:
        if name in header and all(row[name] for row in rows):
            columns[name] = [_number(name, row[name], i) for i, row in enumerate(rows, 1)]
    arrays: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
        name: np.asarray(values) for name, values in columns.items()
    }
    if "run" in header and all(row["run"] for row in rows):
        arrays["run"] = np.unique([row["run"] for row in rows], return_inverse=True)[1]
    known = conventions or Conventions()
    if (
        "bytes_per_token" in header
        and all(row["bytes_per_token"] for row in rows)
        and known.loss_unit == "nats_per_token"
    ):
        per_token = [_number("bytes_per_token", row["bytes_per_token"], i) for i, row in enumerate(rows, 1)]
        arrays["loss"] = np.array(
            [bits_per_byte(loss, bytes_per_token=size) for loss, size in zip(columns["loss"], per_token, strict=True)]
        )
        known = replace(known, loss_unit="bits_per_byte", bytes_per_token=float(np.mean(per_token)))
    elif known.loss_unit == "nats_per_token" and (bits := _column("bits_per_byte", header, rows)):
        per_byte = np.asarray(columns["loss"]) / (math.log(2) * np.asarray(bits))
        known = replace(known, bytes_per_token=float(np.mean(per_byte)))
    if sizes := _column("vocabulary_size", header, rows):
        known = replace(known, vocabulary_size=round(sizes[0]))
    return Points(**arrays, conventions=known)  # type: ignore[arg-type]


def _column(name: str, header: Sequence[str], rows: Sequence[dict[str, str]]) -> list[float]:
    """The column's numbers; none where it is not there, or not in every row."""
    if name not in header or not all(row[name] for row in rows):
        return []
    found = [_number(name, row[name], i) for i, row in enumerate(rows, 1)]
    if min(found) <= 0:
        raise InputError(name, min(found), "above 0 in every row")
    return found


def _number(name: str, text: str | None, row: int) -> float:
    try:
        return float(text or "")
    except ValueError:
        return parse_quantity(text or "", field=f"{name} of row {row}")
