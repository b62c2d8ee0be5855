"""How far a prediction of a step may be off: what its interval adds up."""

from __future__ import annotations

from math import sqrt

from economics.architecture.decoder import Decoder
from economics.assumptions import DEFAULT_CEILING_FRACTION, STEADY_CEILING_FRACTION
from economics.constants import CHOICE_SPREAD, MIXTURE_SPREAD, STEP_SPREAD
from economics.hardware import Accelerator


def ceiling_spread(accelerator: Accelerator) -> float:
    """Return what is not known of a device's ceiling: nothing where it was measured, else the spread of the usual share.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> ceiling_spread(find_accelerator("h100")), ceiling_spread(find_accelerator("tpu v5e"))
    (0.0, 0.05)
    """
    if accelerator.bf16_ceiling_flop_per_second:
        return 0.0
    return (STEADY_CEILING_FRACTION if accelerator.steady_clock else DEFAULT_CEILING_FRACTION).spread


def step_spread(decoder: Decoder, accelerator: Accelerator, *, known: bool) -> float:
    """Return the standard deviation of ln(throughput): of the step itself, of what the search chose where the layout,
    micro-batch or recomputing are not `known`, of routing in mixtures, and of a ceiling that nobody measured.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> h100 = find_accelerator("h100")
    >>> dense, mixture = (step_spread(find_decoder(name)[0], h100, known=True) for name in ("llama-2-7b", "mixtral-8x7b"))
    >>> mixture > dense
    True
    """
    parts = [
        STEP_SPREAD.value,
        0.0 if known else CHOICE_SPREAD.value,
        MIXTURE_SPREAD.value if decoder.mixture else 0.0,
        ceiling_spread(accelerator),
    ]
    return sqrt(sum(part * part for part in parts))
