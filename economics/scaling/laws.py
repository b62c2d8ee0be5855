r"""The law of loss in parameters and tokens, and what follows from it in closed form.

    L(N, D)  =  E  +  A / N^alpha  +  B / D^beta

E is the entropy of the text that no model can beat, A / N^alpha what a finite model adds, B / D^beta what finite
data add. With compute C = k N D (k = 6) the cheapest mix is where an isoquant of loss touches an isocost of
compute: the *marginal* losses are equal there, alpha A / N^alpha = beta B / D^beta.

Where tokens are few, D + D0 stands for D: a model that has seen nothing has a finite loss, not an infinite one, and D0
are the tokens that it is worth (see `untrained`). At the scale of plans D0 is nothing beside D, and the closed forms hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from economics.errors import InputError, NoAnswerError
from economics.scaling.conventions import Conventions
from economics.scaling.mixes import Band, Mix

Floats = NDArray[np.float64]
NAMES = ("E", "A", "B", "alpha", "beta")
"""Order of the coefficients in every array of draws."""

MOST_SHIFT, MOST_SAVED = 2.0, 30.0
"""In logarithms: how far D0 may move the best size, and how much compute it may save."""

LEAST_SHARE = 1e-6
"""Of a run's tokens: a D0 below it moves nothing."""

LEAST_TOKENS = 1.0
"""No model is trained on less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLaw:
    """E + A / N^alpha + B / D^beta with its conventions.

    What it leaves out: repeated data (see `DataConstrainedLaw`), learning rates that were not tuned, and any bend
    of the law beyond the runs it was fitted to.

    Source: Hoffmann et al. 2022, arXiv 2203.15556, section 3.3; coefficients of the example: Besiroglu et al.
    2024, arXiv 2404.10102.

    >>> law = LossLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
    >>> best = law.optimum(5.76e23)
    >>> f"{best.num_params:.3g} parameters, {best.num_tokens:.3g} tokens, {best.tokens_per_param:.1f} a parameter"
    '7.22e+10 parameters, 1.33e+12 tokens, 18.4 a parameter'
    """

    E: float
    """Irreducible loss."""

    A: float
    """Weight of the model's term; meaningless without alpha."""

    B: float
    """Weight of the data's term; meaningless without beta."""

    alpha: float
    """How fast the model's term falls."""

    beta: float
    """How fast the data's term falls."""

    D0: float = 0.0
    """Tokens that an untrained model is worth, added to all D; 0 where it is not known or does not matter."""

    conventions: Conventions = field(default_factory=Conventions)
    """What N, D, C and loss count."""

    def __post_init__(self) -> None:
        for name in NAMES:
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0) or (name in ("alpha", "beta") and value == 0):
                raise InputError(name, value, "a finite number above 0 (E, A and B may be 0)")
        if not (math.isfinite(self.D0) and self.D0 >= 0):
            raise InputError("D0", self.D0, "a finite number of tokens, 0 or more")

    @property
    def coefficients(self) -> dict[str, float]:
        """The five numbers by name."""
        return {name: float(getattr(self, name)) for name in NAMES}

    def loss(self, num_params: ArrayLike, num_tokens: ArrayLike) -> Floats:
        """Expected loss of a model of `num_params` trained once over `num_tokens` fresh tokens."""
        n, d = np.asarray(num_params, dtype=float), np.asarray(num_tokens, dtype=float)
        return np.asarray(self.E + self.A * n**-self.alpha + self.B * (d + self.D0) ** -self.beta)

    def compute_flop(self, num_params: ArrayLike, num_tokens: ArrayLike) -> Floats:
        """Training compute in this law's convention."""
        n, d = np.asarray(num_params, dtype=float), np.asarray(num_tokens, dtype=float)
        return np.asarray(self.conventions.flop_per_param_token * n * d)

    def optimum(self, compute_flop: float) -> Mix:
        """The mix of least loss for a budget of compute.

        N* = G (C/k)^(beta / (alpha + beta)) with G = (alpha A / (beta B))^(1 / (alpha + beta)), and D* = C / (k N*);
        with a D0 the least loss is sought around that.
        """
        if not compute_flop > 0:
            raise InputError("compute_flop", compute_flop, "positive")
        budget = compute_flop / self.conventions.flop_per_param_token
        total = self.alpha + self.beta
        log_g = (math.log(self.alpha * self.A) - math.log(self.beta * self.B)) / total
        log_n = log_g + self.beta / total * math.log(budget)
        if LEAST_SHARE * budget * math.exp(-log_n) < self.D0:
            log_n = float(
                scipy.optimize.minimize_scalar(
                    lambda x: float(self.loss(math.exp(x), budget * math.exp(-x))),
                    bounds=(log_n - MOST_SHIFT, log_n + MOST_SHIFT), method="bounded", options={"xatol": 1e-9},
                ).x
            )  # fmt: skip
        num_params = math.exp(log_n)
        num_tokens = budget / num_params
        return Mix(num_params, num_tokens, compute_flop, float(self.loss(num_params, num_tokens)))

    def optimum_for_loss(self, loss: float) -> Mix:
        """The cheapest mix that reaches a loss.

        Along the optima L = E + K C^-gamma with gamma = alpha beta / (alpha + beta), so C = (K / (L - E))^(1/gamma).

        >>> law = LossLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
        >>> round(law.optimum_for_loss(law.optimum(1e21).loss).compute_flop / 1e21, 9)
        1.0
        """
        if not loss > self.E:
            raise NoAnswerError(f"A loss of {loss:g} is at or below the irreducible loss {self.E:.4g} of this law.")
        gamma = self.alpha * self.beta / (self.alpha + self.beta)
        plain = replace(self, D0=0.0)
        compute = ((plain.optimum(1.0).loss - self.E) / (loss - self.E)) ** (1 / gamma)
        if self.D0:  # what an untrained model is worth saves some of that
            most = math.log(compute)
            compute = math.exp(_root(lambda x: self.optimum(math.exp(x)).loss - loss, most - MOST_SAVED, most))
        return self.optimum(compute)

    def tokens_for_loss(self, num_params: ArrayLike, loss: float) -> Floats:
        """Tokens after which a model of this size reaches a loss; infinite where it never does: an isoquant."""
        n = np.asarray(num_params, dtype=float)
        left = loss - self.E - self.A * n**-self.alpha
        with np.errstate(divide="ignore", invalid="ignore"):
            tokens = (self.B / np.where(left > 0, left, np.nan)) ** (1 / self.beta) - self.D0
            return np.where(left > 0, np.maximum(tokens, LEAST_TOKENS), np.inf)

    def params_for_loss(self, num_tokens: ArrayLike, loss: float) -> Floats:
        """Size that reaches a loss on these tokens; infinite where none does."""
        d = np.asarray(num_tokens, dtype=float)
        left = loss - self.E - self.B * (d + self.D0) ** -self.beta
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(left > 0, (self.A / np.where(left > 0, left, np.nan)) ** (1 / self.alpha), np.inf)

    def band(self, compute_flop: float, *, slack_fraction: float = 0.10) -> Band:
        """All sizes that reach the best loss of this budget for at most `slack_fraction` more compute.

        The optimum is flat: sizes half as large again or a third smaller cost only a few per cent more, so the honest answer to
        "how large?" is a range.

        Parameters
        ----------
        slack_fraction : extra compute accepted, > 0; 0.10 is ten per cent

        >>> law = LossLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
        >>> band = law.band(5.76e23)
        >>> f"{band.num_params_low:.2g} to {band.num_params_high:.2g}"
        '4.5e+10 to 1.3e+11'
        """
        best = self.optimum(compute_flop)
        sizes = [self._size_at_cost(best, compute_flop * (1 + slack_fraction), side) for side in (-1, 1)]
        tokens = [float(self.tokens_for_loss(size, best.loss)) for size in sizes]
        return Band(best, sizes[0], sizes[1], tokens[1], tokens[0], slack_fraction)

    def regret_fraction(self, num_params: float, num_tokens: float) -> float:
        """Compute wasted by a chosen mix: its compute over the cheapest that reaches the same loss, less one.

        >>> law = LossLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
        >>> best = law.optimum(1e22)
        >>> round(law.regret_fraction(2 * best.num_params, best.num_tokens / 2), 3)
        0.186
        """
        spent = float(self.compute_flop(num_params, num_tokens))
        return spent / self.optimum_for_loss(float(self.loss(num_params, num_tokens))).compute_flop - 1

    def compute_equivalent(self, num_params: float, num_tokens: float, observed_loss: float) -> float | None:
        """By what factor of compute, at the same tokens per parameter, a run did better than this law says.

        2 means the run reached what the law grants only to twice the compute; 0.5 the opposite; None where the
        observed loss is below the law's irreducible loss, which no compute buys.
        """
        if observed_loss <= self.E:
            return None

        def misfit(log_scale: float) -> float:
            scale = math.exp(log_scale)
            return float(self.loss(num_params * scale, num_tokens * scale)) - observed_loss

        # compute is N x D, so a run scaled by s in both has s^2 the compute; that scaled run costs exp(2 x log s)
        low, high = -60.0, 60.0
        if misfit(low) < 0 or misfit(high) > 0:
            return None
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if misfit(middle) > 0 else (low, middle)
        return math.exp(2 * middle)

    def _size_at_cost(self, best: Mix, compute_flop: float, side: int) -> float:
        """Size on one side of the best at which reaching its loss costs `compute_flop` (bisection in logs)."""
        near, far = 0.0, 1.0

        def cost(shift: float) -> float:
            size = best.num_params * math.exp(side * shift)
            return float(self.compute_flop(size, self.tokens_for_loss(size, best.loss)))

        while cost(far) < compute_flop:
            far *= 2
        for _ in range(80):
            middle = (near + far) / 2
            near, far = (middle, far) if cost(middle) < compute_flop else (near, middle)
        return best.num_params * math.exp(side * near)


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is 0; the end nearest to it where it is not in between."""
    if excess(low) <= 0:
        return low
    return high if excess(high) >= 0 else float(scipy.optimize.brentq(excess, low, high, xtol=1e-10))
