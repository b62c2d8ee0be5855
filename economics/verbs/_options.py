"""Options that several verbs share, and what their text means."""

from __future__ import annotations

import argparse
import datetime as dt
from typing import Any

from economics.architecture.decoder import Decoder
from economics.architecture.encoder import Encoder
from economics.architecture.lookup import find_architecture, find_decoder
from economics.architecture.sizing import decoder_of_size, mixture_of_size
from economics.catalogue.accelerators import find_accelerator, memory_gb_said
from economics.errors import InputError
from economics.hardware import Accelerator, variant
from economics.units import positive

MOST_MEMORY_GB, MOST_GB_PER_SECOND, MOST_WATTS = 1e5, 1e6, 1e5
"""Per accelerator, tens of times what exists: beyond them the unit was mistaken (bytes for GB)."""
SAID_OTHERWISE = 0.1
"""What a name says of memory is the catalogue's form up to this share: 192 GB are sold of which 180 can be used."""


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add --model, --params and --active-params."""
    parser.add_argument("--model", help="a preset (llama-3.1-8b), a config.json or its folder, or a size (7B)")
    parser.add_argument("--params", help="parameters of a usual dense decoder, such as 7B")
    parser.add_argument("--active-params", help="parameters that one token uses, for a mixture of experts")


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Add the accelerator and its overrides."""
    parser.add_argument("--accelerator", required=True, help="a name of the catalogue, such as h100")
    parser.add_argument("--memory-gb", help="memory of a variant, in GB")
    parser.add_argument("--memory-bandwidth-gb-per-second", help="memory bandwidth of a variant, in GB/s")
    parser.add_argument("--power-watts", help="power limit of a variant, in W")
    parser.add_argument("--network-bandwidth-gb-per-second", help="one way, per accelerator, between nodes, in GB/s")
    parser.add_argument("--num-accelerators", help="how many; chosen when left out")
    parser.add_argument("--parallelism", default="auto", help="auto, or data=..,tensor=..,pipeline=..,zero=..")
    parser.add_argument("--price-usd-per-accelerator-hour", help="price; the catalogue's when left out")


def model_of(
    model: str | None,
    params: float | str | None,
    active_params: float | str | None,
    *,
    allow_encoder: bool = False,
) -> tuple[Decoder, str]:
    """Return the decoder that --model or --params mean, and its name; an encoder as one that sees everything.

    >>> model_of(None, "7B", None)[1]
    'a dense decoder of about 7B parameters'
    """
    for field, given in (("params", params), ("active_params", active_params)):
        if model and given is not None:
            raise InputError(field, given, "left out when --model is given")
    if model:
        architecture, name = find_architecture(model)
        if isinstance(architecture, Encoder) and allow_encoder:
            return architecture.as_decoder(), name
        return find_decoder(model)
    if params is None:
        raise InputError("model", model, "given as --model MODEL, or as --params N")
    total = positive(params, field="params")
    if active_params is not None:
        active = positive(active_params, field="active_params")
        if active > total:
            raise InputError("active_params", active_params, f"at most params ({params})")
        if active < 0.97 * total:
            return mixture_of_size(total, active), f"a mixture of about {params} parameters, {active_params} active"
    return decoder_of_size(total), f"a dense decoder of about {params} parameters"


def device_of(
    accelerator: str | Accelerator,
    memory_gb: float | str | None = None,
    memory_bandwidth_gb_per_second: float | str | None = None,
    power_watts: float | str | None = None,
    network_bandwidth_gb_per_second: float | str | None = None,
) -> Accelerator:
    """Return the accelerator with its overrides; memory that its name says ("h100 96gb") is one, where no form has it."""
    device = find_accelerator(accelerator) if isinstance(accelerator, str) else accelerator
    if isinstance(accelerator, str) and memory_gb is None:
        said, known = memory_gb_said(accelerator), device.memory_bytes / 1e9
        if said is not None and (not known or abs(said / known - 1) > SAID_OTHERWISE):
            memory_gb = said
    if not device.bf16_flop_per_second or not device.memory_bytes_per_second:
        raise InputError("accelerator", device.name, "one whose bf16 rate and bandwidth the catalogue knows")

    def number(value: float | str | None, field: str, highest: float) -> float | None:
        if value is None:
            return None
        text = str(value).removesuffix("/s")
        for unit, factor in (("GiB", 2**30 / 1e9), ("TB", 1000.0), ("GB", 1.0), ("W", 1.0)):
            if text.endswith(unit):
                return positive(text.removesuffix(unit), field=field, highest=highest) * factor
        return positive(text, field=field, highest=highest)

    return variant(
        device,
        memory_gb=number(memory_gb, "memory_gb", MOST_MEMORY_GB),
        memory_bandwidth_gb_per_second=number(
            memory_bandwidth_gb_per_second, "memory_bandwidth_gb_per_second", MOST_GB_PER_SECOND
        ),
        power_watts=number(power_watts, "power_watts", MOST_WATTS),
        network_bandwidth_gb_per_second=number(
            network_bandwidth_gb_per_second, "network_bandwidth_gb_per_second", MOST_GB_PER_SECOND
        ),
    )


def device_as_dict(device: Accelerator) -> dict[str, Any]:
    """What was taken for the accelerator."""
    return {
        "name": device.name,
        "memory_bytes": device.memory_bytes,
        "memory_bytes_per_second": device.memory_bytes_per_second,
        "network_bytes_per_second": device.network_bytes_per_second or None,
        "bf16_peak_flop_per_second": device.peak("bf16"),
        "bf16_ceiling_flop_per_second": device.ceiling("bf16"),
        "from_memory": device.from_memory,
        "source": device.source,
    }


def today() -> dt.date:
    """The day that prices are compared with."""
    return dt.datetime.now(tz=dt.UTC).date()


def assumption(name: str, value: Any, unit: str, source: str) -> dict[str, Any]:
    """One row of `assumptions`."""
    return {"name": name, "value": value, "unit": unit, "source": source}


def note_beyond_context(decoder: Decoder, num_tokens: int, notes: list[dict[str, Any]]) -> None:
    """Say so where a sequence is longer than the model was made for: the cost is as told, the model may not take it.

    >>> from economics.architecture.lookup import find_decoder
    >>> notes = []
    >>> note_beyond_context(find_decoder("gpt2")[0], 2000, notes)
    >>> notes[0]["value"]
    1024
    """
    if num_tokens > decoder.context_length:
        why = f"sequences of {num_tokens:,} tokens are longer than the model was made for"
        notes.append(assumption("context_length", decoder.context_length, "token", why))
