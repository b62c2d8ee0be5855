"""The `serving` verb for models that write no text: encoders, images, recommenders."""

from __future__ import annotations

from typing import Any

import numpy as np

from economics.architecture.base import Architecture
from economics.architecture.convolution import ConvolutionalNetwork
from economics.architecture.detector import Fcos
from economics.architecture.encoder import Encoder
from economics.architecture.recommender import DLRM, SASRec, TwoTower
from economics.architecture.vision import VisionTransformer
from economics.constants import SERVING_SPREAD
from economics.errors import InputError
from economics.hardware import Accelerator
from economics.serving.others import example_seconds
from economics.serving.recommending import recommending_cost
from economics.training.draws import normal_draws
from economics.uncertainty import interval_of
from economics.verbs._options import device_as_dict

SERVED_EXAMPLES = (Encoder, VisionTransformer, ConvolutionalNetwork, Fcos, DLRM, TwoTower, SASRec)
_UNITS = {"encoder": "sequence", "recommender": "recommendation"}


def serving_of_examples(
    architecture: Architecture,
    taken: str,
    *,
    device: Accelerator,
    num_accelerators: int,
    input_tokens: int,
    candidates: int,
    utilisation: float,
    price: float | None,
    notes: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return the rate and the cost of a thousand sequences, images or recommendations in large batches.

    Devices are copies of each other. A recommendation scores `candidates` items: two towers and SASRec read the user once
    and compare it with the items' vectors, a DLRM weighs every pair, an encoder that ranks passages reads each.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> found = serving_of_examples(preset("resnet-50"), "resnet-50", device=find_accelerator("a100"),
    ...                             num_accelerators=2, input_tokens=1, candidates=1, utilisation=0.3, price=2.0, notes=[])
    >>> found["unit"], found["cost_usd_per_thousand"]["p10"] < found["cost_usd_per_thousand"]["p90"]
    ('image', True)
    """
    if not 0 < utilisation <= 1:
        raise InputError("utilisation", utilisation, "above 0 and at most 1")
    seconds = _seconds(architecture, device, input_tokens, candidates)
    rates = num_accelerators / seconds * np.exp(SERVING_SPREAD.value * normal_draws("serving"))
    cost = None
    if price is not None:
        cost = interval_of(1000.0 * price * num_accelerators / 3600.0 / rates / utilisation).to_dict()
    return {
        "model": taken,
        "kind": architecture.kind,
        "unit": _UNITS.get(architecture.kind, "image"),
        "accelerator": device_as_dict(device),
        "num_accelerators": num_accelerators,
        "input_tokens": input_tokens if isinstance(architecture, Encoder) else None,
        "candidates": candidates,
        "per_second": interval_of(rates).to_dict(),
        "cost_usd_per_thousand": cost,
        "utilisation": utilisation,
        "assumptions": notes,
    }


def _seconds(architecture: Architecture, device: Accelerator, input_tokens: int, candidates: int) -> float:
    """One sequence, image or list of recommendations on one device."""
    if isinstance(architecture, DLRM | TwoTower | SASRec):
        return recommending_cost(architecture, device, num_items=candidates).seconds
    return candidates * example_seconds(architecture, device, sequence_length=input_tokens)
