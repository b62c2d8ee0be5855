"""Chains of dense layers made narrower (`trainer.recommend.model.chain`). Tables are most of a recommender, so that it is their
width that makes it smaller; what is read of them is up to each model."""

from __future__ import annotations

from itertools import pairwise

from trainer.models.narrowing import Weights, cut_between

LINEAR_EVERY = 3
"""A chain is a dense layer, then again and again a bend, dropout and a dense layer."""


def layers_of(weights: Weights, chain: str) -> list[str]:
    """Return the names of a chain's dense layers, first to last."""
    names = (f"{chain}.{number}" for number in range(0, LINEAR_EVERY * len(weights), LINEAR_EVERY))
    return [name for name in names if f"{name}.weight" in weights]


def cut_hidden(weights: Weights, chain: str, width: int) -> None:
    """Keep the strongest neurons between the dense layers of a chain, in place."""
    for own, following in pairwise(layers_of(weights, chain)):
        cut_between(weights, own, following, width)
