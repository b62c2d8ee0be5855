"""Serving images, embeddings and recommendations: arithmetic, traffic of activations, and look-ups."""

from __future__ import annotations

from economics.architecture.base import Architecture
from economics.architecture.convolution import ConvolutionalNetwork
from economics.architecture.detector import Fcos
from economics.architecture.lookup import find_architecture
from economics.architecture.recommender import Recommender
from economics.constants import DECODE_FRACTION
from economics.errors import InputError
from economics.flop.others import embedding_bytes_per_example, flop_per_example
from economics.hardware import Accelerator
from economics.throughput.example_passes import lookup_fraction
from economics.throughput.operations import copy_seconds, sustained_fraction

_BATCH = 256.0


def example_seconds(architecture: Architecture, accelerator: Accelerator, *, sequence_length: int = 512) -> float:
    """Return the device's time for one example in a large batch.

    Arithmetic at the sustained rate, the traffic of activations (a convolution with its norm and activation writes and
    reads each output about three times), the weights' share over a batch of 256, and look-ups at the
    rate of random reads. Convolutions with few channels fill matrix units badly: those bound by traffic show it here.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> 2e-5 < example_seconds(preset("resnet-50"), find_accelerator("a100")) < 2e-4
    True
    """
    rate = accelerator.ceiling("bf16") * sustained_fraction(accelerator)
    seconds = flop_per_example(architecture, sequence_length=sequence_length).total / rate
    counted = architecture.parameters()
    if isinstance(architecture, ConvolutionalNetwork | Fcos):
        values = sum(layer.outputs * layer.height**2 for layer in architecture.layers())
        seconds += copy_seconds(accelerator, 3.0 * 2.0 * values)
    if isinstance(architecture, Recommender):
        read = embedding_bytes_per_example(architecture)
        seconds += copy_seconds(accelerator, read / lookup_fraction(4.0 * architecture.embedding_width))
        weights = 2.0 * counted.matmul
    else:
        weights = 2.0 * counted.total
        width = getattr(architecture, "model_width", 0)
        layers = getattr(architecture, "num_layers", getattr(architecture, "num_encoder_layers", 0))
        tokens = getattr(architecture, "num_tokens", sequence_length if width else 0)
        seconds += copy_seconds(accelerator, 2.0 * 14.0 * width * layers * tokens)
    return seconds + weights / _BATCH / (accelerator.memory_bytes_per_second * DECODE_FRACTION.value)


def examples_per_second(model: str | Architecture, accelerator: Accelerator, *, sequence_length: int = 512) -> float:
    """Return images, sequences or recommendations per second of one device in large batches.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> 1000 < examples_per_second("vit-b-16", find_accelerator("a100")) < 8000
    True
    """
    architecture = find_architecture(model)[0] if isinstance(model, str) else model
    return 1.0 / example_seconds(architecture, accelerator, sequence_length=sequence_length)


def dollars_per_thousand(
    model: str | Architecture,
    accelerator: Accelerator,
    *,
    usd_per_hour: float,
    utilisation: float = 0.3,
    candidates: int = 1,
) -> float:
    """Return the cost of a thousand images or recommendations.

    Parameters
    ----------
    utilisation : share of the time that the device serves, above 0 to 1
    candidates : examples scored per recommendation

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> a100 = find_accelerator("a100")
    >>> round(dollars_per_thousand("resnet-50", a100, usd_per_hour=2.0, utilisation=1.0), 5) < 0.001
    True
    """
    if not 0 < utilisation <= 1:
        raise InputError("utilisation", utilisation, "above 0 and at most 1")
    per_second = examples_per_second(model, accelerator) / candidates
    return 1000.0 * usd_per_hour / 3600.0 / per_second / utilisation
