"""A fitted law with its uncertainty: central coefficients, draws, noise, range of the points and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError
from economics.scaling.conventions import Conventions
from economics.scaling.laws import NAMES, LossLaw
from economics.uncertainty import Interval, interval_of

Floats = NDArray[np.float64]
STORED_DRAWS = 400
"""Draws kept when a fit is written to a file: enough for p10 and p90 to two digits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedLaw:
    """What a fit found, with all that a prediction from it needs."""

    method: str
    """parametric, isoflop, envelope or data-constrained."""

    law: LossLaw | None
    """Central coefficients; None where the points are too few for any."""

    draws: Floats
    """Joint draws of (E, A, B, alpha, beta), (draws, 5)."""

    noise_sigma: float
    """Standard deviation of ln loss from run to run about the law: seed, data order, and small misfit."""

    objective: float | None
    """Huber objective (delta 1e-3, on ln loss, a sum) at the central coefficients."""

    figures_from: dict[str, str]
    """Which computation gave the coefficients and which the intervals."""

    num_points: int
    """Rows fitted."""

    num_clusters: int
    """Runs behind them."""

    largest_compute_flop: float
    """Largest training compute among the points."""

    conventions: Conventions = field(default_factory=Conventions)
    """What N, D, C and loss count."""

    warnings: tuple[str, ...] = ()
    """What is doubtful, one sentence each."""

    D0: float = 0.0
    """Tokens that an untrained model is worth, added to all D."""

    prior: tuple[str, ...] = ()
    """Coefficients that a prior was added for, the points being few."""

    extra: dict[str, float] = field(default_factory=dict)
    """Coefficients beyond the five (R_D_star, R_N_star)."""

    extra_intervals: dict[str, Interval] = field(default_factory=dict)
    """Their intervals."""

    @property
    def intervals(self) -> dict[str, Interval]:
        """p10, p50, p90 of each coefficient. A and B alone are ill-determined: read N*, D* and losses instead."""
        found = {name: interval_of(self.draws[:, i]) for i, name in enumerate(NAMES)}
        return found | self.extra_intervals

    @property
    def laws(self) -> list[LossLaw]:
        """Each draw as a law."""
        rows = (dict(zip(NAMES, map(float, row), strict=True)) for row in self.draws)
        return [LossLaw(**row, D0=self.D0, conventions=self.conventions) for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """The form of the command line: `coefficients`, `intervals` and what `predict` needs to go on."""
        known = self.law.coefficients if self.law else dict.fromkeys(NAMES)
        return {
            "method": self.method,
            "coefficients": known | ({"D0": self.D0} if self.D0 else {}) | self.extra,
            "intervals": {name: self._shown(value) for name, value in self.intervals.items()},
            "objective": self.objective,
            "num_points": self.num_points,
            "num_clusters": self.num_clusters,
            "noise_sigma": self.noise_sigma,
            "largest_compute_flop": self.largest_compute_flop,
            "figures_from": self.figures_from,
            "prior": list(self.prior),
            "conventions": {name: getattr(self.conventions, name) for name in Conventions.__slots__},
            "warnings": list(self.warnings),
            "draws": [[float(f"{x:.9g}") for x in row] for row in self._thinned()],
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> FittedLaw:
        """Read what `to_dict` wrote."""
        try:
            known = stored["coefficients"]
            conventions = Conventions(**stored["conventions"])
            law, untrained = None, float(known.get("D0") or 0.0)
            if known["E"] is not None:
                numbers = {name: float(known[name]) for name in NAMES}
                law = LossLaw(**numbers, D0=untrained, conventions=conventions)
            return cls(
                method=str(stored["method"]),
                law=law,
                draws=np.asarray(stored["draws"], dtype=float).reshape(-1, 5),
                noise_sigma=float(stored["noise_sigma"]),
                objective=stored["objective"],
                figures_from=dict(stored["figures_from"]),
                num_points=int(stored["num_points"]),
                num_clusters=int(stored["num_clusters"]),
                largest_compute_flop=float(stored["largest_compute_flop"]),
                conventions=conventions,
                warnings=tuple(stored["warnings"]),
                D0=untrained,
                prior=tuple(stored.get("prior", ())),
                extra={name: float(value) for name, value in known.items() if name not in (*NAMES, "D0")},
            )
        except KeyError as error:
            raise InputError("fit", "this file", f"what `fit --json` printed ({error} is missing)") from None
        except (TypeError, ValueError) as error:
            raise InputError("fit", "this file", f"what `fit --json` printed ({error})") from None

    def _shown(self, value: Interval) -> dict[str, float | None]:
        shown: dict[str, float | None] = dict(value.to_dict())
        if self.law is None:
            shown["p50"] = None
        return shown

    def _thinned(self) -> Floats:
        step = max(1, -(-self.draws.shape[0] // STORED_DRAWS))
        return self.draws[::step]
