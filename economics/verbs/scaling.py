"""Questions to scaling laws: a run's later loss, task accuracy, critical batch, over-training, serving in mind."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from economics.errors import InputError
from economics.scaling.inference_aware import ServedDemand
from economics.scaling.over_training import fit_over_training
from economics.scaling.points import points_read
from economics.scaling.published import over_training_law
from economics.units import parse_quantity, positive, whole
from economics.verbs._csv import columns_read
from economics.verbs._scaling import critical_batch, inference_aware, learning_curve, over_training, task_accuracy
from economics.verbs.predict import read_fit

QUESTIONS = ("learning-curve", "task-accuracy", "critical-batch", "over-training", "inference-aware")


def scaling(question: str, **given: Any) -> dict[str, Any]:
    """Answer one of the questions; see the function of each for what it takes.

    >>> scaling("critical-batch", loss=2.5)["critical_batch_tokens"]
    2500000.0
    """
    answers: dict[str, Callable[..., dict[str, Any]]] = {
        "learning-curve": learning_curve, "task-accuracy": task_accuracy, "critical-batch": critical_batch,
        "over-training": over_training, "inference-aware": inference_aware,
    }  # fmt: skip
    if question not in answers:
        raise InputError("question", question, "one of " + ", ".join(QUESTIONS))
    return {"question": question, **answers[question](**given)}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("question", help=", ".join(QUESTIONS))
    parser.add_argument(
        "file", nargs="?",
        help="CSV: num_tokens,loss (learning-curve); nll,accuracy (task-accuracy); batch_tokens,steps or "
        "batch_tokens,norm_squared (critical-batch); num_params,num_tokens,loss (over-training)",
    )  # fmt: skip
    parser.add_argument("--law", help="what `fit --json` printed, or a published law")
    parser.add_argument("--params", help="size (7B)")
    parser.add_argument("--tokens", help="training tokens (2T); for learning-curve: where to predict")
    parser.add_argument("--loss", help="loss to reach (inference-aware), or at hand (critical-batch)")
    parser.add_argument("--compute-flop", help="inference-aware: reach the loss that this compute buys alone")
    parser.add_argument("--chance", default="0", help="task-accuracy: accuracy of guessing (0.25 for four choices)")
    parser.add_argument("--batch-tokens", help="critical-batch: a batch to judge")
    parser.add_argument("--no-decay-ahead", action="store_true", help="learning-curve: the learning rate stays")
    parser.add_argument("--input-tokens", default="0", help="inference-aware: prompt tokens over the model's life")
    parser.add_argument("--output-tokens", default="0", help="inference-aware: written tokens over the model's life")
    for phase in ("training", "prefill", "decode"):
        parser.add_argument(f"--{phase}-usd-per-flop", help=f"price of a useful FLOP in {phase}; all three or none")
    parser.add_argument("--seed", default="0", help="makes intervals repeatable")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the arguments and answer."""
    a = arguments
    readers: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
        "learning-curve": _learning_curve_given, "task-accuracy": _task_accuracy_given,
        "critical-batch": _critical_batch_given, "over-training": _over_training_given,
        "inference-aware": _inference_aware_given,
    }  # fmt: skip
    if a.question not in readers:
        raise InputError("question", a.question, "one of " + ", ".join(QUESTIONS))
    return scaling(a.question, **readers[a.question](a))


def _file(a: argparse.Namespace, what: str) -> str:
    if not a.file:
        raise InputError("file", None, f"a CSV with {what}")
    return str(a.file)


def _size(a: argparse.Namespace) -> dict[str, float]:
    for name in ("params", "tokens"):
        if getattr(a, name) is None:
            raise InputError(name, None, f"given: {a.question} predicts one model")
    return {"num_params": positive(a.params, field="params"), "num_tokens": positive(a.tokens, field="tokens")}


def _learning_curve_given(a: argparse.Namespace) -> dict[str, Any]:
    curve = columns_read(_file(a, "num_tokens, loss"), ("num_tokens", "loss"))
    if a.tokens is None:
        raise InputError("tokens", None, "given: where to predict the loss")
    at = positive(a.tokens, field="tokens")
    return {
        **curve,
        "at_tokens": at,
        "decay_ahead": not a.no_decay_ahead,
        "seed": whole(a.seed, field="seed", lowest=0),
    }


def _task_accuracy_given(a: argparse.Namespace) -> dict[str, Any]:
    if a.law is None:
        raise InputError("law", None, "a fit of the task's negative log-likelihood (what `fit --json` printed)")
    pairs = columns_read(_file(a, "nll, accuracy"), ("nll", "accuracy"))
    chance = parse_quantity(a.chance, field="chance", kind="fraction") if a.chance != "0" else 0.0
    seed = whole(a.seed, field="seed", lowest=0)
    return {**pairs, **_size(a), "task_law": read_fit(a.law), "chance": chance, "seed": seed}


def _critical_batch_given(a: argparse.Namespace) -> dict[str, Any]:
    at = None if a.batch_tokens is None else positive(a.batch_tokens, field="batch_tokens")
    if a.file:
        return {**columns_read(a.file, ("batch_tokens",), ("steps", "norm_squared")), "at_batch_tokens": at}
    return {"loss": None if a.loss is None else positive(a.loss, field="loss"), "at_batch_tokens": at}


def _over_training_given(a: argparse.Namespace) -> dict[str, Any]:
    if a.file:
        law = fit_over_training(points_read(a.file))
    else:
        law = over_training_law(a.law or "gadre-2024-c4")
    return {"law": law, **_size(a)}


def _inference_aware_given(a: argparse.Namespace) -> dict[str, Any]:
    fitted = read_fit(a.law or "besiroglu-2024")
    if fitted.law is None:
        raise InputError("law", a.law, "a fit with a central law (eight points or more)")
    if (a.loss is None) == (a.compute_flop is None):
        raise InputError("loss", a.loss, "given, or --compute-flop instead, not both")
    loss = positive(a.loss, field="loss") if a.loss else None
    if loss is None:
        loss = fitted.law.optimum(positive(a.compute_flop, field="compute_flop")).loss
    prices = {f"{p}_usd_per_flop": getattr(a, f"{p}_usd_per_flop") for p in ("training", "prefill", "decode")}
    known = {name: positive(text, field=name) for name, text in prices.items() if text is not None}
    if known and len(known) < len(prices):
        missing = next(name for name in prices if name not in known)
        raise InputError(missing, None, "given beside the other prices of a FLOP, or all three left out")
    tokens = {f"num_{name}": parse_quantity(getattr(a, name), field=name) for name in ("input_tokens", "output_tokens")}
    return {"law": fitted.law, "loss": loss, "demand": ServedDemand(**tokens, **known)}


def explain(result: dict[str, Any]) -> list[str]:
    """Write the formula of the question with its numbers."""
    formulas: dict[str, Callable[[dict[str, Any]], list[str]]] = {
        "learning-curve": _curve_explained, "task-accuracy": _accuracy_explained, "critical-batch": _batch_explained,
        "over-training": _over_training_explained, "inference-aware": _serving_explained,
    }  # fmt: skip
    return formulas[result["question"]](result)


def _curve_explained(result: dict[str, Any]) -> list[str]:
    c, at = result["coefficients"], result["at_tokens"]
    value = c["E"] + c["B"] / at ** c["beta"]
    return [f"L(D) = {c['E']:.4g} + {c['B']:.4g} / D^{c['beta']:.3g}; at D = {at:.3g}: {value:.4g}"]


def _accuracy_explained(result: dict[str, Any]) -> list[str]:
    c, nll = result["curve"], result["nll"]
    power = f"{c['steepness']:.3g} ({'nll' if nll is None else format(nll, '.4g')} - {c['middle']:.3g})"
    return [
        "accuracy = chance + (ceiling - chance) / (1 + e^(steepness (nll - middle)))",
        f"= {c['chance']:g} + {c['ceiling'] - c['chance']:.3g} / (1 + e^({power})) = {result['accuracy']['p50']:.3f}",
    ]


def _batch_explained(result: dict[str, Any]) -> list[str]:
    lines = [f"B_crit = E_min / S_min = {result['critical_batch_tokens']:.4g} tokens, from {result['source']}"]
    if "at_batch_tokens" in result:
        lines.append(f"compute / least = 1 + B / B_crit = {result['compute_over_least']:.3g}")
        lines.append(f"steps / least = 1 + B_crit / B = {result['steps_over_least']:.3g}")
    return lines


def _over_training_explained(result: dict[str, Any]) -> list[str]:
    c, m = result["coefficients"], result["num_tokens"] / result["num_params"]
    terms = f"({c['a']:.4g} x {m:.4g}^{c['eta']:.4g} + {c['b']:.4g} x {m:.4g}^-{c['eta']:.4g})"
    return [
        "L(C, M) = E + (a M^eta + b M^-eta) C^-eta, M = D / N",
        f"= {c['E']:.4g} + {terms} x {result['training_flop']:.3g}^-{c['eta']:.4g} = {result['loss']:.4g}",
    ]


def _serving_explained(result: dict[str, Any]) -> list[str]:
    best, saved = result["optimum"], 100 * result["saved_fraction"]
    return [
        "minimise over N: k N D p_train + 2 N (D_in p_prefill + D_out p_decode), with L(N, D) = the loss wanted",
        f"N = {best['num_params']:.3g}, D = {best['num_tokens']:.3g}: training x {result['extra_training_factor']:.3g}",
        f"saved = {saved:.3g} % of training and serving together",
    ]
