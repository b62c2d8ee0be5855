"""Answers to questions about scaling laws, each a function that returns plain numbers."""

from __future__ import annotations

from typing import Any

from economics.errors import InputError
from economics.scaling.critical_batch import critical_batch_fit, critical_batch_of_loss, noise_scale
from economics.scaling.downstream import accuracy_curve_fit, predict_accuracy
from economics.scaling.fitted import FittedLaw
from economics.scaling.inference_aware import ServedDemand, inference_aware_optimum
from economics.scaling.laws import LossLaw
from economics.scaling.learning_curve import learning_curve_predict
from economics.scaling.mixes import Mix, two_digits
from economics.scaling.published import OverTrainingLaw


def learning_curve(
    *, num_tokens: list[float], loss: list[float], at_tokens: float, decay_ahead: bool = True, seed: int = 0
) -> dict[str, Any]:
    """Return where a run's loss will be: its own curve E + B / D^beta, extrapolated.

    Parameters
    ----------
    num_tokens, loss : the curve so far, 20 values or more after the warm-up
    at_tokens : where to predict
    decay_ahead : the learning rate will still fall, so the run should end below

    >>> tokens = [1e8 * k for k in range(1, 101)]
    >>> curve = learning_curve(num_tokens=tokens, loss=[2 + 300 / d**0.3 for d in tokens], at_tokens=2e10)
    >>> round(curve["loss"]["p50"], 2)
    2.24
    """
    found = learning_curve_predict(num_tokens, loss, at_tokens=at_tokens, decay_ahead=decay_ahead, seed=seed)
    floor, weight, exponent = found.coefficients
    return {
        "loss": found.loss.to_dict(),
        "at_tokens": at_tokens,
        "tokens_seen": max(num_tokens),
        "coefficients": {"E": floor, "B": weight, "beta": exponent},
        "warnings": list(found.warnings),
    }


def task_accuracy(
    *,
    task_law: FittedLaw,
    nll: list[float],
    accuracy: list[float],
    chance: float,
    num_params: float,
    num_tokens: float,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the accuracy on a task that a model of this size and training should reach, in two steps.

    Parameters
    ----------
    task_law : a fit whose loss is the negative log-likelihood of the task's right answers
    nll, accuracy : the same likelihood and the accuracy of five models or more, of any family
    chance : accuracy of guessing
    """
    curve = accuracy_curve_fit(nll, accuracy, chance=chance, seed=seed)
    expected = predict_accuracy(task_law, curve, num_params, num_tokens, seed=seed)
    likelihood = float(task_law.law.loss(num_params, num_tokens)) if task_law.law else None
    return {
        "accuracy": expected.to_dict(),
        "nll": likelihood,
        "num_params": num_params,
        "num_tokens": num_tokens,
        "curve": {
            "chance": curve.chance, "ceiling": curve.ceiling, "steepness": curve.steepness, "middle": curve.middle,
        },
        "noise_sigma": curve.noise_sigma,
        "warnings": list(task_law.warnings),
    }  # fmt: skip


def critical_batch(
    *,
    batch_tokens: list[float] | None = None,
    steps: list[float] | None = None,
    norm_squared: list[float] | None = None,
    loss: float | None = None,
    at_batch_tokens: float | None = None,
) -> dict[str, Any]:
    """Return the batch beyond which more parallelism buys little: from runs, from gradients, or a rule of thumb.

    Parameters
    ----------
    batch_tokens, steps : runs that reached the same loss with different batches
    batch_tokens, norm_squared : or the mean squared norm of the gradient at two batch sizes
    loss : or only the loss, for the rule of thumb
    at_batch_tokens : a batch to judge: what it costs in steps and compute over the least

    >>> found = critical_batch(batch_tokens=[1e5, 1e6, 1e7], steps=[1.1e5, 2e4, 1.1e4], at_batch_tokens=1e6)
    >>> round(found["compute_over_least"], 3), round(found["steps_over_least"], 3)
    (2.0, 2.0)
    """
    least_steps = least_tokens = None
    if batch_tokens and steps:
        trade = critical_batch_fit(batch_tokens, steps)
        critical, least_steps, least_tokens = trade.batch_tokens, trade.least_steps, trade.least_tokens
        source = f"{len(steps)} runs that reached the same loss"
    elif batch_tokens and norm_squared:
        (small, small_norm), *_, (large, large_norm) = sorted(zip(batch_tokens, norm_squared, strict=True))
        critical = noise_scale(
            small_batch=small, small_norm_squared=small_norm, large_batch=large, large_norm_squared=large_norm
        )
        source = "the gradient's noise at two batch sizes"
    elif loss is not None:
        critical, source = two_digits(critical_batch_of_loss(loss)), "a rule of thumb in the loss, from memory"
    else:
        raise InputError("batch_tokens", batch_tokens, "given with steps or norm_squared, or a loss instead")
    judged = {}
    if at_batch_tokens is not None:
        judged = {
            "at_batch_tokens": at_batch_tokens,
            "compute_over_least": 1.0 + at_batch_tokens / critical,
            "steps_over_least": 1.0 + critical / at_batch_tokens,
        }
    return {
        "critical_batch_tokens": critical, "least_steps": least_steps, "least_tokens": least_tokens, "source": source,
        **judged,
    }  # fmt: skip


def over_training(*, law: OverTrainingLaw, num_params: float, num_tokens: float) -> dict[str, Any]:
    """Return the loss of training a model for longer than is compute-optimal, and what that costs in compute.

    Parameters
    ----------
    law : loss in compute and tokens per parameter

    >>> from economics.scaling.published import over_training_law
    >>> found = over_training(law=over_training_law("gadre-2024-c4"), num_params=1.4e9, num_tokens=9e11)
    >>> found["tokens_per_param"], found["compute_over_optimal"] > 1
    (640.0, True)
    """
    per_param = num_tokens / num_params
    compute = law.conventions.flop_per_param_token * num_params * num_tokens
    value = float(law.loss(compute, per_param))
    best = law.as_loss_law().optimum_for_loss(value)
    return {
        "loss": value,
        "num_params": num_params,
        "num_tokens": num_tokens,
        "tokens_per_param": two_digits(per_param),
        "training_flop": compute,
        "compute_optimal_for_that_loss": mix_as_dict(best),
        "compute_over_optimal": compute / best.compute_flop,
        "params_over_optimal": num_params / best.num_params,
        "coefficients": {"E": law.E, "a": law.a, "b": law.b, "eta": law.eta},
    }


def inference_aware(*, law: LossLaw, loss: float, demand: ServedDemand) -> dict[str, Any]:
    """Return the cheapest mix that reaches a loss when training and serving are paid together.

    Parameters
    ----------
    loss : to reach
    demand : tokens served over the model's life, and the price of a FLOP in each phase

    >>> from economics.scaling.published import published_law
    >>> found = inference_aware(law=published_law(), loss=2.0, demand=ServedDemand(num_output_tokens=1e13))
    >>> found["optimum"]["num_params"] < found["compute_optimal"]["num_params"], found["saved_fraction"] > 0
    (True, True)
    """
    alone, best = law.optimum_for_loss(loss), inference_aware_optimum(law, loss, demand)
    per = law.conventions.flop_per_param_token
    costs = {
        name: demand.cost_usd(mix.num_params, mix.num_tokens, per) for name, mix in (("alone", alone), ("best", best))
    }
    in_money = demand.training_usd_per_flop != 1.0
    unit = "usd" if in_money else "flop"
    return {
        "loss": loss,
        "compute_optimal": {**mix_as_dict(alone), f"training_and_serving_{unit}": costs["alone"]},
        "optimum": {**mix_as_dict(best), f"training_and_serving_{unit}": costs["best"]},
        "saved_fraction": 1.0 - costs["best"] / costs["alone"],
        "extra_training_factor": best.compute_flop / alone.compute_flop,
    }


def mix_as_dict(mix: Mix) -> dict[str, float]:
    """A size and its tokens, to two digits, with the compute."""
    return {
        "num_params": two_digits(mix.num_params),
        "num_tokens": two_digits(mix.num_tokens),
        "tokens_per_param": two_digits(mix.num_tokens / mix.num_params),
        "compute_flop": mix.compute_flop,
    }
