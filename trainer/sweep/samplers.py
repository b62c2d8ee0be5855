"""Which values the next run of a sweep gets: the next of a grid, values by chance, or those that Optuna expects most of.

Nothing is kept between two proposals: each is made anew from the trials that are there, so that a restart changes nothing.
Random: every setting drawn by itself (Bergstra and Bengio 2012). Bayesian: Optuna's tree-structured Parzen estimator over
all settings together (Bergstra et al. 2011; Akiba et al. 2019), which takes running trials for bad ones, so that two at
once do not try the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.sweep.space import Setting, grid_of

NUM_RANDOM = 8
"""Trials drawn by chance before the Bayesian sampler has anything to go by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A trial so far: its values, and its result where it has one."""

    values: dict[str, Any]
    result: float | None = None
    is_running: bool = False


def next_values(
    method: str, space: Sequence[Setting], tried: Sequence[Tried], *, lower_is_better: bool, seed: int
) -> dict[str, Any] | None:
    """Return the values of the next trial; None where a grid is used up."""
    if method == "grid":
        grid = grid_of(space)
        return grid[len(tried)] if len(tried) < len(grid) else None
    if method == "random":
        return random_values(space, np.random.default_rng([seed, len(tried)]))
    return bayesian_values(space, tried, lower_is_better=lower_is_better, seed=seed)


def random_values(space: Sequence[Setting], chance: np.random.Generator) -> dict[str, Any]:
    return {setting.name: setting.at(float(chance.random())) for setting in space}


def bayesian_values(
    space: Sequence[Setting], tried: Sequence[Tried], *, lower_is_better: bool, seed: int
) -> dict[str, Any]:
    """Return what Optuna's TPE proposes after these trials."""
    import optuna  # half a second, and only those who sweep this way need it

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    varied = [setting for setting in space if not setting.is_fixed]
    distributions = {setting.name: _distribution(setting) for setting in varied}
    sampler = optuna.samplers.TPESampler(
        seed=seed + len(tried),
        n_startup_trials=NUM_RANDOM,
        multivariate=True,
        constant_liar=True,
    )
    study = optuna.create_study(direction="minimize" if lower_is_better else "maximize", sampler=sampler)
    for trial in tried:
        has_result = trial.result is not None and math.isfinite(trial.result)
        if not (has_result or trial.is_running):
            continue
        state = optuna.trial.TrialState.COMPLETE if has_result else optuna.trial.TrialState.RUNNING
        params = {name: _index(setting, trial.values[name]) for setting in varied if (name := setting.name)}
        made = optuna.trial.create_trial(
            params=params, distributions=distributions, value=trial.result if has_result else None, state=state
        )
        study.add_trial(made)
    asked = study.ask(distributions)
    fixed = {setting.name: setting.choices[0] for setting in space if setting.is_fixed}
    return {**fixed, **{setting.name: _value(setting, asked.params[setting.name]) for setting in varied}}


def _distribution(setting: Setting) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not setting.is_range:
        return CategoricalDistribution(list(range(len(setting.choices))))
    if setting.is_whole:
        return IntDistribution(round(setting.low), round(setting.high), log=setting.is_log)
    return FloatDistribution(setting.low, setting.high, log=setting.is_log)


def _index(setting: Setting, value: Any) -> Any:
    """Return a value as the distribution has it: choices by their number, since JSON made 2 of 2.0."""
    if setting.is_range:
        return value
    return next((number for number, choice in enumerate(setting.choices) if choice == value), 0)


def _value(setting: Setting, found: Any) -> Any:
    return setting.rounded(float(found)) if setting.is_range else setting.choices[int(found)]
