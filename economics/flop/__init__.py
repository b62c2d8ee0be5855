"""Floating point operations: per token, per image, per example; forward and training; by part.

One multiply-accumulate is two FLOP. Three conventions are in use, and a utilisation means nothing without its own:

- `6nd`: six FLOP per parameter and token, attention left out;
- `full`: also the products of attention, over the whole square of positions (the usual one for MFU);
- `causal`: as full, but only for the half of the square that a causal model needs.
"""

from economics.flop.decoder import (
    Convention,
    Flop,
    forward_flop_per_token,
    training_flop_of_batch,
    training_flop_per_token,
)

__all__ = ["Convention", "Flop", "forward_flop_per_token", "training_flop_of_batch", "training_flop_per_token"]
