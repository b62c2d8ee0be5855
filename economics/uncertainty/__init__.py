"""Uncertainty: every input a value or a distribution, every answer an interval of three quantiles.

`distributions` says how an input is spread, `reading` makes one of what people write,
`draws` joins several of them on common random numbers,
`intervals` sums draws up as p10, p50, p90, `sensitivity` says which input matters, `scoring` judges intervals
against what came true, and `posterior` moves efficiency and goodput towards a team's own finished jobs.
"""

from economics.uncertainty.distributions import (
    Beta,
    Distribution,
    Empirical,
    Fixed,
    LogNormal,
    Triangular,
    beta_from_quantiles,
    lognormal_from_quantiles,
)
from economics.uncertainty.draws import draw_jointly, stream_for, uniforms_for
from economics.uncertainty.intervals import QUANTILES, Interval, interval_of
from economics.uncertainty.posterior import (
    GoodputPrior,
    JobObservation,
    Posterior,
    RatioPrior,
    efficiency_posterior,
    goodput_posterior,
    ratio_posterior,
)
from economics.uncertainty.reading import as_distribution, distribution_from_mapping
from economics.uncertainty.scoring import Coverage, coverage_of, interval_score_log, mean_interval_score_log
from economics.uncertainty.sensitivity import TornadoBar, elasticities_of, tornado_of

__all__ = [
    "QUANTILES",
    "Beta",
    "Coverage",
    "Distribution",
    "Empirical",
    "Fixed",
    "GoodputPrior",
    "Interval",
    "JobObservation",
    "LogNormal",
    "Posterior",
    "RatioPrior",
    "TornadoBar",
    "Triangular",
    "as_distribution",
    "beta_from_quantiles",
    "coverage_of",
    "distribution_from_mapping",
    "draw_jointly",
    "efficiency_posterior",
    "elasticities_of",
    "goodput_posterior",
    "interval_of",
    "interval_score_log",
    "lognormal_from_quantiles",
    "mean_interval_score_log",
    "ratio_posterior",
    "stream_for",
    "tornado_of",
    "uniforms_for",
]
