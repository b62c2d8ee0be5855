"""The answer of the `training` verb: what an estimate is printed as."""

from __future__ import annotations

from typing import Any

from economics.memory.fitting import ways_to_fit
from economics.training.estimate import Estimate, RunPlan
from economics.training.outcome import outcome_as_dict
from economics.verbs._options import assumption, device_as_dict


def training_answer(estimate: Estimate, plan: RunPlan, taken: str, notes: list[dict[str, Any]]) -> dict[str, Any]:
    work, memory = estimate.choice.workload, estimate.memory
    device = work.accelerator
    batch = int(work.tokens)
    if batch != plan.workload.num_sequences * work.sequence_length:
        before = [row["source"] for row in notes if row["name"] == "batch_tokens"]
        notes = [row for row in notes if row["name"] != "batch_tokens"]  # the batch is said once, as it is used
        why = "; ".join(
            [*before, f"then so that {work.layout.data} data ranks x micro-batch {work.micro_batch} divide it"]
        )
        notes.append(assumption("batch_tokens", batch, "token", why))
    advice: list[str] = []
    if not estimate.choice.fits:
        advice = ways_to_fit(
            work.decoder, device_memory_bytes=device.memory_bytes, sequence_length=work.sequence_length,
            layout=work.layout, micro_batch=work.micro_batch, recompute=work.recompute, precision=work.precision,
            num_micro_batches=work.num_micro_batches, fused=work.fused, optimizer=work.optimizer,
        )  # fmt: skip
    counted = work.decoder.parameters()
    return {
        "model": taken,
        "kind": "decoder" if work.decoder.causal else "encoder",
        "unit": "token",
        "params": counted.total,
        "active_params": counted.active,
        "accelerator": device_as_dict(device),
        "num_accelerators": plan.num_accelerators,
        "tokens": plan.tokens,
        "sequence_length": work.sequence_length,
        "batch_tokens": batch,
        "micro_batch": work.micro_batch,
        "recompute": work.recompute,
        "precision": work.precision,
        "training_flop": estimate.training_flop,
        "training_flop_6nd": estimate.training_flop_6nd,
        "flop_convention": "6 per parameter in products and token, with attention over the whole square (12 L d s)",
        "mfu_convention": "model FLOP over the dense bf16 peak",
        **outcome_as_dict(estimate.outcome),
        "term": plan.term,
        "memory_bytes_per_accelerator": {
            **memory.by_part(),
            "allocated_peak": memory.allocated_peak,
            "reserved_peak": memory.reserved_peak,
            "device_total": memory.device_total,
            "total": memory.device_total,
        },
        "fits": estimate.choice.fits,
        "ways_to_fit": advice,
        "parallelism": work.layout.as_dict(),
        "step_seconds": estimate.time.seconds,
        "step_seconds_by_part": estimate.time.by_part,
        "assumptions": notes + estimate.assumptions,
    }
