"""All that a run has to remember besides weights and optimiser, so that it resumes as if it had never stopped."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from trainer.sections import MachineSpec


@dataclass(kw_only=True, slots=True)
class Best:
    """The best validation so far."""

    step: int
    value: float
    path: str = ""
    """Folder of its checkpoint. On disk relative to the checkpoint that says so, for they may be moved together."""


@dataclass(kw_only=True, slots=True)
class TrainState:
    """state.json of a checkpoint, and what the loop counts on as it goes."""

    step: int = 0
    """Optimiser steps done."""

    position: int = 0
    """Examples drawn so far: with the seed it says which come next."""

    first_position: int = 0
    """Position at which this run began; over 0 when it branched from another."""

    num_tokens_seen: int = 0
    seconds: float = 0.0
    """Seconds of training over all attempts."""

    best: Best | None = None
    num_validations_without_better: int = 0
    is_validated: bool = True
    """The validation due at this step, if one was, is done."""

    recent_losses: list[float] = field(default_factory=list)
    """What the watch for spikes looks back on."""

    random_states: dict[str, str] = field(default_factory=dict)
    """Device -> state of its generator, base64."""

    scaler: dict[str, Any] = field(default_factory=dict)
    """Of the gradient scaler; float16 only."""

    machine: MachineSpec = field(default_factory=MachineSpec)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why the machine is used as it is."""


def random_states() -> dict[str, str]:
    """Return the states of torch's generators, which dropout draws from."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return {device: base64.b64encode(state.numpy().tobytes()).decode() for device, state in states.items()}


def set_random_states(states: dict[str, str]) -> None:
    """Put the generators back to where `random_states` found them; devices that are not here are passed over."""
    setters = {"cpu": torch.set_rng_state}
    if torch.cuda.is_available():
        setters["cuda"] = torch.cuda.set_rng_state
    if torch.backends.mps.is_available():
        setters["mps"] = torch.mps.set_rng_state
    for device, text in states.items():
        if device in setters:
            setters[device](torch.from_numpy(np.frombuffer(base64.b64decode(text), dtype=np.uint8).copy()))
