r"""Learning from the team's own jobs: posteriors of efficiency and goodput, with right-censored observations.

An estimate says a job should take `predicted` seconds; the job takes `observed`. The ratio of the two is what a
team's code, data loader and hardware do to the physics. It is positive and its errors multiply, so its logarithm is
taken as normal:

    ln(observed / predicted)  =  mu  +  noise,       mu ~ N(m0, tau0^2),      noise ~ N(0, sigma^2)

`mu` belongs to a device and a kind of model; jobs of another device or kind say something about it too, but less, so
their likelihood is raised to a power below one (a power prior). A job that failed or was cancelled after t seconds
says only that it would have needed more than t: it enters by P(ratio > t / predicted), not as an observation.
Leaving such jobs out would flatter the team (long jobs fail more often); taking them as finished would too.

`mu` has one dimension, so the posterior is computed on a grid: exact to the grid, no sampler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from economics.errors import InputError
from economics.uncertainty.distributions import Empirical, LogNormal
from economics.uncertainty.intervals import Interval

Floats = NDArray[np.float64]
GRID = 401
"""Points of the grid over mu; its spacing is 1/25 of the prior's spread at most."""

RELEVANCE_OF_OTHERS = 0.25
"""Power to which the likelihood of a job is raised when neither its device nor its kind is the one asked for;
one of the two the same gives the geometric mean, 0.5. Judgement, on view; 1 pools all jobs, 0 forgets them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioPrior:
    """What is believed of observed / predicted before the team has run a job."""

    spread: LogNormal
    """Belief about the team's typical ratio: `mu` and how far teams differ."""

    noise_sigma: float
    """Standard deviation of the logarithm from job to job within one team, > 0."""

    def __post_init__(self) -> None:
        if not self.noise_sigma > 0:
            raise InputError("noise_sigma", self.noise_sigma, "positive: jobs of one team differ too")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobObservation:
    """What one of the team's jobs showed."""

    ratio: float
    """Observed over predicted, > 0: seconds per unit of work, or lost over useful seconds."""

    finished: bool = True
    """False if the job failed or was cancelled: the ratio is then a lower bound."""

    device: str = ""
    """Accelerator it ran on."""

    kind: str = ""
    """Kind of model it trained or served."""

    def __post_init__(self) -> None:
        if not self.ratio > 0:
            raise InputError("ratio", self.ratio, "positive (observed over predicted)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Belief about the ratio of the *next* job: the typical ratio is uncertain and the job adds its own noise."""

    grid: tuple[float, ...]
    """Values of mu."""

    weights: tuple[float, ...]
    """Their probabilities, summing to 1."""

    noise_sigma: float
    """Job-to-job standard deviation of the logarithm."""

    effective_num_jobs: float
    """Jobs that informed it, each by its relevance; censored ones counted."""

    def cdf(self, ratio: ArrayLike) -> Floats:
        """P(the next job's ratio is at most this)."""
        x = np.log(np.asarray(ratio, dtype=float))[..., None]
        z = (x - np.asarray(self.grid)) / self.noise_sigma
        return np.asarray(scipy.special.ndtr(z) @ np.asarray(self.weights))

    def ppf(self, u: ArrayLike) -> Floats:
        """Ratio of the next job at cumulative probability `u`."""
        grid = np.asarray(self.grid)
        x = np.linspace(grid[0] - 4 * self.noise_sigma, grid[-1] + 4 * self.noise_sigma, 1001)
        return np.asarray(np.exp(np.interp(np.asarray(u, dtype=float), self.cdf(np.exp(x)), x)))

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """`n` draws of the next job's ratio."""
        return self.ppf(rng.random(n))

    @property
    def median(self) -> float:
        """The ratio as likely exceeded as not."""
        return float(self.ppf(0.5))

    @property
    def interval(self) -> Interval:
        """p10, p50, p90 of the next job's ratio."""
        return Interval(*(float(x) for x in self.ppf([0.1, 0.5, 0.9])))

    @property
    def typical(self) -> LogNormal:
        """The team's typical ratio, without the noise of one job, as a lognormal with equal mean and spread in logs."""
        grid, weights = np.asarray(self.grid), np.asarray(self.weights)
        mean = float(weights @ grid)
        return LogNormal(mean, float(np.sqrt(weights @ (grid - mean) ** 2)))


def ratio_posterior(
    prior: RatioPrior, jobs: Sequence[JobObservation], *, device: str = "", kind: str = ""
) -> Posterior:
    """Update the belief about observed / predicted by the team's own jobs.

    Parameters
    ----------
    prior : belief before any job
    jobs : what was observed; those with `finished` false are right-censored
    device, kind : what the next job will be; jobs of others weigh less

    Source
    ------
    Normal likelihood with censoring: Gelman et al., Bayesian Data Analysis, 3rd ed., section 8.7. Power prior:
    Ibrahim and Chen 2000.

    >>> prior = RatioPrior(spread=LogNormal(0.0, 0.3), noise_sigma=0.1)
    >>> ten = [JobObservation(ratio=1.25)] * 10
    >>> round(ratio_posterior(prior, ten).median, 2)              # the team is a quarter slower than predicted
    1.25
    >>> failed = [JobObservation(ratio=1.25, finished=False)] * 10
    >>> ratio_posterior(prior, failed).median > 1.3               # they would have taken longer still
    True
    """
    grid = np.linspace(prior.spread.mu - 8 * prior.spread.sigma, prior.spread.mu + 8 * prior.spread.sigma, GRID)
    if prior.spread.sigma == 0:
        return Posterior(grid=(prior.spread.mu,), weights=(1.0,), noise_sigma=prior.noise_sigma, effective_num_jobs=0.0)
    log_weight = -0.5 * ((grid - prior.spread.mu) / prior.spread.sigma) ** 2
    powers = [_relevance(job, device, kind) for job in jobs]
    for job, power in zip(jobs, powers, strict=True):
        z = (np.log(job.ratio) - grid) / prior.noise_sigma
        log_weight += power * (-0.5 * z**2 if job.finished else scipy.special.log_ndtr(-z))
    weights = np.exp(log_weight - log_weight.max())
    weights /= weights.sum()
    return Posterior(
        grid=tuple(grid.tolist()),
        weights=tuple(weights.tolist()),
        noise_sigma=prior.noise_sigma,
        effective_num_jobs=float(sum(powers)),
    )


def efficiency_posterior(
    prior: RatioPrior, jobs: Sequence[JobObservation], *, efficiency: float, device: str = "", kind: str = ""
) -> Empirical:
    """Efficiency of the next job: the one predicted, divided by the posterior of the time ratio.

    Taking twice as long as predicted means half the predicted efficiency. Returned as quantiles, at most 1.

    Parameters
    ----------
    efficiency : share of the peak that the prediction assumed, in (0, 1]

    >>> prior = RatioPrior(spread=LogNormal(0.0, 0.2), noise_sigma=0.05)
    >>> slow = [JobObservation(ratio=1.2, device="h100")] * 20
    >>> round(efficiency_posterior(prior, slow, efficiency=0.48, device="h100").median, 2)
    0.4
    """
    if not 0 < efficiency <= 1:
        raise InputError("efficiency", efficiency, "a share above 0 and at most 1")
    ratios = ratio_posterior(prior, jobs, device=device, kind=kind).ppf((np.arange(200) + 0.5) / 200)
    return Empirical(tuple(np.minimum(efficiency / ratios, 1.0).tolist()))


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodputPrior:
    """Belief about goodput (useful over total seconds), through lost / useful seconds, which is lognormal."""

    median_fraction: float
    """Goodput as likely exceeded as not, in (0, 1)."""

    between_teams_sigma: float = 0.8
    """Spread of the logarithm of lost / useful from team to team: failures and restarts differ by factors."""

    within_team_sigma: float = 0.5
    """Spread of the same from job to job."""

    def ratio_prior(self) -> RatioPrior:
        """The same belief, about lost / useful seconds."""
        if not 0 < self.median_fraction < 1:
            raise InputError("median_fraction", self.median_fraction, "a share strictly between 0 and 1")
        odds = (1 - self.median_fraction) / self.median_fraction
        return RatioPrior(
            spread=LogNormal(float(np.log(odds)), self.between_teams_sigma), noise_sigma=self.within_team_sigma
        )


def goodput_posterior(
    prior: GoodputPrior, jobs: Sequence[JobObservation], *, device: str = "", kind: str = ""
) -> Empirical:
    """Goodput of the next job, after jobs whose `ratio` is lost over useful seconds.

    An unfinished job may lose more before it ends: its ratio is a lower bound, as in `ratio_posterior`.

    >>> good = [JobObservation(ratio=0.02 / 0.98)] * 30
    >>> round(goodput_posterior(GoodputPrior(median_fraction=0.9), good).median, 2)
    0.98
    """
    ratios = ratio_posterior(prior.ratio_prior(), jobs, device=device, kind=kind).ppf((np.arange(200) + 0.5) / 200)
    return Empirical(tuple((1.0 / (1.0 + ratios)).tolist()))


def _relevance(job: JobObservation, device: str, kind: str) -> float:
    """Power of a job's likelihood: 1 for the same device and kind, less for each that differs."""
    num_different = int(bool(device) and job.device != device) + int(bool(kind) and job.kind != kind)
    return float(RELEVANCE_OF_OTHERS ** (num_different / 2))
