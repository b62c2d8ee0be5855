"""Published laws from the catalogue, as the same types that own fits give."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from economics.errors import UnknownNameError
from economics.scaling.conventions import Conventions
from economics.scaling.data_constrained import DataConstrainedLaw
from economics.scaling.fitted import FittedLaw
from economics.scaling.laws import NAMES, LossLaw
from economics.uncertainty import stream_for

Floats = NDArray[np.float64]
Z95 = 1.959963984540054
"""97.5 % point of the standard normal."""

ALONG, ACROSS = 0.97, 0.55
"""Correlations of draws from published marginal intervals: of ln A with alpha (and ln B with beta), which trade off
almost perfectly, and of E with the exponents. Without them a published law would predict far more loosely than the
points it was fitted to do. Found in the bootstrap of the 240 points (docs/numbers/scaling-laws.md)."""


@cache
def laws_catalogue() -> dict[str, dict[str, Any]]:
    """All rows of the catalogue's laws by name."""
    text = (resources.files("economics") / "catalogue" / "laws.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def law_row(name: str) -> dict[str, Any]:
    """One row of the catalogue; forgiving about case, and about the year where it is the only one."""
    rows = laws_catalogue()
    wanted = name.strip().lower().replace(" ", "-")
    found = [key for key in rows if key == wanted] or [key for key in rows if key.startswith(wanted)]
    if len(found) != 1:
        raise UnknownNameError("law", name, f"one of {', '.join(sorted(found or rows))}")
    return rows[found[0]] | {"name": found[0]}


def conventions_of(row: dict[str, Any]) -> Conventions:
    """What a published law counts."""
    return Conventions(
        counted_params=row.get("counted_params", "total"),
        tokenizer=row.get("tokenizer", ""),
        loss_unit=row.get("loss_unit", "nats_per_token"),
    )


def published_law(name: str = "besiroglu-2024") -> LossLaw:
    """The law of loss of a catalogue row (for repeated data, its law on fresh tokens).

    >>> round(published_law().optimum(5.76e23).tokens_per_param, 1), round(published_law().optimum(1e25).tokens_per_param, 1)
    (17.9, 16.6)
    """
    row = law_row(name)
    if row["form"] not in ("parametric", "data-constrained"):
        raise UnknownNameError("law", name, "a law of the form E + A / N^alpha + B / D^beta")
    return LossLaw(**{key: float(row[key]) for key in NAMES}, conventions=conventions_of(row))


def published_data_constrained_law(name: str = "muennighoff-2023") -> DataConstrainedLaw:
    """A law of repeated data from the catalogue."""
    row = law_row(name)
    return DataConstrainedLaw(
        base=published_law(name), R_D_star=float(row["R_D_star"]), R_N_star=float(row["R_N_star"])
    )


def published_fit(name: str = "besiroglu-2024", *, num_draws: int = 1000, seed: int = 0) -> FittedLaw:
    """A published law with draws from its published intervals, in the form of an own fit.

    Marginal intervals alone are not enough: A with alpha and B with beta move together, so the draws are correlated
    lognormals. Where the source gives no intervals those of the default law are used, in logarithms, and a warning
    says so.

    >>> fitted = published_fit()
    >>> round(fitted.intervals["alpha"].p50, 2), fitted.law.E
    (0.35, 1.817236)
    """
    row = law_row(name)
    law = published_law(name)
    intervals, warnings = row.get("interval"), []
    if intervals is None:
        default = laws_catalogue()["besiroglu-2024"]
        ratios = {key: [end / default[key] for end in default["interval"][key]] for key in NAMES}
        intervals = {key: [getattr(law, key) * r for r in ratios[key]] for key in NAMES}
        warnings.append(f"{row['title']} was published without intervals; those of the default law are used.")
    warnings.append(
        f"Published law ({row['title']}): other data, tokenizer and training than yours; fit your own ladder."
    )
    spread = np.array([math.log(intervals[key][1] / intervals[key][0]) / (2 * Z95) for key in NAMES])
    z = stream_for(seed, f"law {name}").standard_normal((num_draws, 5))
    draws = np.exp(np.log([getattr(law, key) for key in NAMES]) + spread * (z @ _factor().T))
    return FittedLaw(
        method="published",
        law=law,
        draws=np.asarray(draws),
        noise_sigma=float(row.get("noise_sigma", 0.005)),
        objective=None,
        figures_from={"coefficients": row["source"], "intervals": "correlated lognormals from published intervals"},
        num_points=int(row.get("num_points", 0)),
        num_clusters=int(row.get("num_points", 0)),
        largest_compute_flop=float(row["largest_compute_flop"]),
        conventions=law.conventions,
        warnings=tuple(warnings),
    )


def _factor() -> Floats:
    """Cholesky factor of the correlations of (E, A, B, alpha, beta)."""
    e, a, b, alpha, beta = range(5)
    matrix = np.eye(5)
    for i, j, rho in (
        (a, alpha, ALONG),
        (b, beta, ALONG),
        (e, alpha, ACROSS),
        (e, beta, ACROSS),
        (e, a, ACROSS * ALONG),
        (e, b, ACROSS * ALONG),
    ):
        matrix[i, j] = matrix[j, i] = rho
    return np.asarray(np.linalg.cholesky(matrix))


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTrainingLaw:
    r"""Loss in compute and tokens per parameter: L(C, M) = E + (a M^eta + b M^-eta) C^-eta, M = D / N.

    At a fixed M loss falls as a power of compute, with the same exponent for every M: a small model trained twenty
    times too long is still on a straight line, and cheap runs predict dear ones. It is the law of size and tokens
    with alpha = beta = 2 eta, written in what an owner chooses.

    Source: Gadre et al. 2024, arXiv 2403.08540, equation 4.

    >>> law = OverTrainingLaw(E=1.30, a=86.6, b=159.0, eta=0.1095)
    >>> round(float(law.loss(1e21, 20.0)), 2)
    2.48
    """

    E: float
    """Irreducible loss."""

    a: float
    """Weight of the model's term."""

    b: float
    """Weight of the data's term."""

    eta: float
    """Exponent of compute."""

    conventions: Conventions = field(default_factory=Conventions)
    """What N, D, C and loss count."""

    def loss(self, compute_flop: ArrayLike, tokens_per_param: ArrayLike) -> Floats:
        """Expected loss."""
        c, m = np.asarray(compute_flop, dtype=float), np.asarray(tokens_per_param, dtype=float)
        return np.asarray(self.E + (self.a * m**self.eta + self.b * m**-self.eta) * c**-self.eta)

    def as_loss_law(self) -> LossLaw:
        """The same law in size and tokens: A = a k^-eta, B = b k^-eta, alpha = beta = 2 eta.

        >>> law = OverTrainingLaw(E=1.30, a=86.6, b=159.0, eta=0.1095)
        >>> bool(abs(law.as_loss_law().loss(1e9, 1e11) - law.loss(6e20, 100.0)) < 1e-9)
        True
        """
        scale = self.conventions.flop_per_param_token**-self.eta
        return LossLaw(
            E=self.E, A=self.a * scale, B=self.b * scale, alpha=2 * self.eta, beta=2 * self.eta,
            conventions=self.conventions,
        )  # fmt: skip


def over_training_law(name: str) -> OverTrainingLaw:
    """An over-training law from the catalogue."""
    row = law_row(name)
    if row["form"] != "over-training":
        raise UnknownNameError("law", name, "an over-training law")
    return OverTrainingLaw(E=row["E"], a=row["a"], b=row["b"], eta=row["eta"], conventions=conventions_of(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class KaplanLaw:
    r"""L(N, D) = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D, N without embeddings; for history.

    >>> law = KaplanLaw(N_c=8.8e13, alpha_N=0.076, D_c=5.4e13, alpha_D=0.095)
    >>> round(float(law.loss(1.5e9, 1e12)), 2)
    2.31
    """

    N_c: float
    """Scale of the model's term, non-embedding parameters."""

    alpha_N: float  # noqa: N815  the letter of the law
    """Exponent in size."""

    D_c: float
    """Scale of the data's term, tokens."""

    alpha_D: float  # noqa: N815  the letter of the law
    """Exponent in tokens."""

    def loss(self, num_params: ArrayLike, num_tokens: ArrayLike) -> Floats:
        """Expected loss."""
        n, d = np.asarray(num_params, dtype=float), np.asarray(num_tokens, dtype=float)
        return np.asarray(((self.N_c / n) ** (self.alpha_N / self.alpha_D) + self.D_c / d) ** self.alpha_D)
