"""What work on a kept model is going to do, counted for its quote: measuring, looking into it, storing it otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trainer.families import families
from webapp.datasets.models import DatasetVersion
from webapp.jobs.kinds import Bound, WorkFacts
from webapp.jobs.models import Job
from webapp.quotes.devices import device_of_queue, likely_worker
from webapp.runs.checkpoints import checkpoint_at, stored_path
from webapp.runs.machines import flop_per_second
from webapp.runs.model_work import forward_of, model_memory
from webapp.runs.start_seconds import start_seconds
from webapp.runs.step_models import FORWARD_SHARE

EXPORT_COPIES = 3.0
"""Of the weights that an export holds at once: the model, what is written, and the file as its runner reads it back."""

COMPRESS_COPIES = 2.0
"""The model, and the same again to be stored in fewer bits; both are measured in one process."""


def evaluate_work(job: Job) -> WorkFacts | None:
    """Return the tokens or examples that are measured on, each a forward pass; None where the checkpoint is not of a run here."""
    checkpoint = checkpoint_at(str(job.spec.get("checkpoint") or ""))
    if checkpoint is None:
        return None
    run = checkpoint.run
    version = _version(str(job.spec.get("data_path") or "")) or run.dataset_version
    device, unit = device_of_queue(job.queue), families()[run.family].unit if run.family in families() else "token"
    work: dict[str, Any] = {
        "group": f"evaluate {run.family}",
        "amount": _units(job.spec, version, run.spec),
        "unit": unit,
        "fixed_seconds": start_seconds(device.machine_id if device else None),
        "memory_by_part": model_memory(run, device, queue=job.queue),
        "portable": forward_of(run),
    }
    if not run.flop_per_token:
        return WorkFacts(**work)
    forward = FORWARD_SHARE * run.flop_per_token
    rate = flop_per_second(likely_worker(job.queue), flop_per_token=run.flop_per_token, unit=unit)
    return WorkFacts(
        **work,
        flop_per_unit=forward,
        units_per_second=rate / forward if rate else None,
        rate_source="the rate of training steps of about this size, by the calibration",
    )


def inspect_work(job: Job) -> WorkFacts:
    """Return one inspection: only those done here tell how long one takes."""
    return _whole(job, what=str(job.spec.get("what") or ""), unit="inspection", copies=1.0)


def export_work(job: Job) -> WorkFacts:
    """Return one file of another format, written and run; only those written here tell how long one takes."""
    work = _whole(job, what=str(job.spec.get("format") or ""), unit="export", copies=EXPORT_COPIES)
    return replace(work, bound=Bound.FILES)


def compress_work(job: Job) -> WorkFacts:
    """Return one smaller form, made and measured; only those made here tell how long one takes."""
    return _whole(job, what=str(job.spec.get("method") or ""), unit="model", copies=COMPRESS_COPIES)


def _whole(job: Job, *, what: str, unit: str, copies: float) -> WorkFacts:
    """Return one piece of work on a model, whose memory alone is known beforehand."""
    checkpoint, device = checkpoint_at(str(job.spec.get("checkpoint") or "")), device_of_queue(job.queue)
    memory = model_memory(checkpoint.run, device, queue=job.queue, copies=copies) if checkpoint else {}
    return WorkFacts(group=f"{job.kind} {what}".strip(), amount=1.0, unit=unit, memory_by_part=memory)


def _units(spec: dict[str, Any], version: DatasetVersion, run_spec: dict[str, Any]) -> float:
    splits = spec.get("splits") or ["validation", "test"]
    batch = run_spec.get("batch") or {}
    size = int(spec.get("batch_size") or batch.get("micro_batch") or batch.get("sequences_per_step") or 1)
    most = int(spec.get("max_batches") or 0) * size * int(batch.get("sequence_length") or 1)
    found = [version.num_units(name) for name in splits]
    return float(sum(min(units, most) if most else units for units in found))


def _version(path: str) -> DatasetVersion | None:
    return DatasetVersion.objects.filter(stored_path=stored_path(path)).first() if path else None
