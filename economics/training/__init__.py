"""A training run: from tokens to time, failures, energy and money."""

from economics.training.estimate import Estimate, RunPlan, training_estimate
from economics.training.goodput import Goodput, daly_interval_seconds, run_goodput, young_interval_seconds

__all__ = [
    "Estimate",
    "Goodput",
    "RunPlan",
    "daly_interval_seconds",
    "run_goodput",
    "training_estimate",
    "young_interval_seconds",
]
