"""Predict the loss of a run from a fitted law."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from economics.errors import InputError
from economics.scaling.fitted import FittedLaw
from economics.scaling.predict import predict_loss
from economics.units import positive
from economics.verbs._json import read_json


def predict(
    fitted: FittedLaw, *, num_params: float, num_tokens: float, num_unique_tokens: float | None = None, seed: int = 0
) -> dict[str, Any]:
    """Return the loss to expect, with the noise of a single run and of the law's form beyond its points.

    >>> from economics.scaling.published import published_fit
    >>> answer = predict(published_fit(), num_params=7e9, num_tokens=2e12)
    >>> 1.9 < answer["loss"]["p10"] < answer["loss"]["p50"] < answer["loss"]["p90"] < 2.3
    True
    """
    found = predict_loss(fitted, num_params, num_tokens, num_unique_tokens=num_unique_tokens, seed=seed)
    loss: dict[str, float | None] = dict(found.loss.to_dict())
    mean: dict[str, float | None] = dict(found.mean_loss.to_dict())
    if not found.has_median:
        loss["p50"] = mean["p50"] = None
    law = fitted.law
    return {
        "loss": loss,
        "mean_loss": mean,
        "num_params": num_params,
        "num_tokens": num_tokens,
        "num_unique_tokens": num_unique_tokens,
        "training_flop": fitted.conventions.flop_per_param_token * num_params * num_tokens,
        "compute_over_largest_fitted": found.compute_ratio,
        "regret_fraction": law.regret_fraction(num_params, num_tokens) if law else None,
        "loss_unit": fitted.conventions.loss_unit,
        "warnings": list(found.warnings),
    }


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("fit", help="what `fit --json` printed, or the name of a published law (besiroglu-2024)")
    parser.add_argument("--params", required=True, help="size of the run (7B)")
    parser.add_argument("--tokens", required=True, help="its training tokens (2T), repeats counted each time")
    parser.add_argument("--unique-tokens", help="different tokens behind them, where they repeat")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the fit and predict."""
    return predict(
        read_fit(arguments.fit),
        num_params=positive(arguments.params, field="params"),
        num_tokens=positive(arguments.tokens, field="tokens"),
        num_unique_tokens=positive(arguments.unique_tokens, field="unique-tokens") if arguments.unique_tokens else None,
    )


def read_fit(source: str) -> FittedLaw:
    """A fit from a file, or a published law by its name."""
    path = Path(source)
    if path.is_file():
        content = read_json(source, field="fit", what="JSON, what `fit --json` printed")
        try:
            return FittedLaw.from_dict(content)
        except InputError as error:
            raise InputError("fit", source, error.expected) from None
    if path.suffix == ".json":
        raise InputError("fit", source, "a file that exists")
    from economics.scaling.published import published_fit

    return published_fit(source)


def explain(result: dict[str, Any]) -> list[str]:
    """Where the width comes from."""
    low, high = result["mean_loss"]["p10"], result["mean_loss"]["p90"]
    return [
        f"ln L = ln L_draw(N, D) + seed noise + model-form noise; the law alone spans {low:.4g} to {high:.4g}",
        f"C = k N D = {result['training_flop']:.3g} FLOP, {result['compute_over_largest_fitted']:.3g} x the largest fitted",
    ]
