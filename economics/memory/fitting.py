"""The largest micro-batch that fits a device, and what to change when none does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from economics.architecture.decoder import Decoder
from economics.layout import Layout
from economics.memory.training import training_memory


def largest_micro_batch(
    decoder: Decoder, *, device_memory_bytes: float, sequence_length: int, limit: int = 4096, **options: Any
) -> int:
    """Return the most sequences per forward pass that fit; 0 when not even one does.

    Memory grows in a straight line with the micro-batch, so bisection between 1 and `limit` finds it.

    Parameters
    ----------
    device_memory_bytes : what the device has, 80e9 for "80 GB"
    options : passed on to `training_memory`

    >>> from economics.architecture import modern_decoder
    >>> small = modern_decoder(num_layers=12, model_width=768, num_heads=12, vocabulary_size=50304)
    >>> largest_micro_batch(small, device_memory_bytes=24e9, sequence_length=1024) > 8
    True
    """

    def fits(micro_batch: int) -> bool:
        memory = training_memory(decoder, sequence_length=sequence_length, micro_batch=micro_batch, **options)
        return memory.device_total <= device_memory_bytes

    if not fits(1):
        return 0
    low, high = 1, 2
    while high <= limit and fits(high):
        low, high = high, high * 2
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def ways_to_fit(
    decoder: Decoder, *, device_memory_bytes: float, sequence_length: int, layout: Layout, **options: Any
) -> list[str]:
    """Return single changes that would make a training step fit, the cheapest first; sentences for people.

    Each is tried by computing the memory again: nothing is promised that was not checked.

    >>> from economics.architecture import decoder_of_size
    >>> ways_to_fit(decoder_of_size(1.3e9), device_memory_bytes=40e9, sequence_length=4096, layout=Layout(),
    ...             micro_batch=8)[0]
    'Lower the micro-batch from 8 to 1 and accumulate gradients.'
    """
    micro_batch = int(options.pop("micro_batch", 1))

    def total(**changes: Any) -> float:
        arguments = {"layout": layout, "micro_batch": micro_batch, **options, **changes}
        return training_memory(decoder, sequence_length=sequence_length, **arguments).device_total

    ways: list[str] = []
    smaller = largest_micro_batch(
        decoder, device_memory_bytes=device_memory_bytes, sequence_length=sequence_length,
        limit=max(1, micro_batch), layout=layout, **options,
    )  # fmt: skip
    if 0 < smaller < micro_batch:
        ways.append(f"Lower the micro-batch from {micro_batch} to {smaller} and accumulate gradients.")
    if options.get("loss_chunks", 1) == 1 and total(loss_chunks=8) <= device_memory_bytes:
        ways.append("Compute the loss in 8 chunks, so that only one chunk's logits exist at a time.")
    for stronger in ("selective", "full"):
        now = options.get("recompute", "none")
        if now not in ("full", stronger) and total(recompute=stronger) <= device_memory_bytes:
            ways.append(f"Recompute activations in the backward pass ({stronger}).")
            break
    for zero in range(layout.zero + 1, 4):
        if layout.data > 1 and total(layout=replace(layout, zero=zero)) <= device_memory_bytes:
            ways.append(f"Divide training state among the data ranks (zero={zero}).")
            break
    if options.get("optimizer", "adamw") == "adamw" and total(optimizer="adamw-8bit") <= device_memory_bytes:
        ways.append("Keep the optimizer's moments in 8 bits.")
    for factor in (2, 4, 8, 16, 32, 64):
        more = replace(layout, data=layout.data * factor, zero=3)
        if total(layout=more) <= device_memory_bytes:
            ways.append(f"Use {more.num_accelerators} devices with the state divided among them (zero=3).")
            break
    if not ways:
        shorter = sequence_length
        while shorter > 128 and total() > device_memory_bytes:
            shorter //= 2
            arguments = {"layout": layout, "micro_batch": 1, **options, "recompute": "full", "loss_chunks": 8}
            if training_memory(decoder, sequence_length=shorter, **arguments).device_total <= device_memory_bytes:
                ways.append(f"Shorten sequences to {shorter} tokens, with full recomputing and a micro-batch of 1.")
                break
    return ways or ["No single change makes it fit: take a smaller model, or devices with more memory."]
