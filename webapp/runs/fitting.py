"""Make it fit: a size of model for a number of parameters, a memory, or some minutes. The search is economics'."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from economics import fit_to
from economics.errors import EconomicsError
from trainer.errors import SpecError
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.runs.architectures import link_of
from webapp.runs.estimates import likely_worker
from webapp.runs.machines import flop_per_second
from webapp.ui.templatetags.figures import count, seconds, size


class FitRefused(Exception):
    """No size answers to the wish; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """Settings of the size found, what else in the form must change for it, and a sentence that says how near it comes."""

    model: Any
    changes: dict[str, Any]
    sentence: str


def fit(spec: TrainSpec, version: DatasetVersion, *, kind: str, amount: float) -> Fitted:
    """Return the size that answers to `amount`: millions of parameters, GB of memory, or minutes on this machine."""
    link = link_of(spec.family)
    if link is None or link.to_settings is None or not version.vocab_size:
        raise FitRefused(_("This family of models has no sizes to search; set them by hand."))
    if not amount > 0:
        raise FitRefused(_("The number must be above 0."))
    try:
        found = _search(spec, version.vocab_size, kind, amount)
        model = link.to_settings(found.decoder, spec.model)
    except EconomicsError as error:
        raise FitRefused(str(error)) from error
    except SpecError as error:
        raise FitRefused(str(error)) from error
    reached = {
        "parameters": lambda: _("%s parameters") % count(found.num_params),
        "memory": lambda: (
            _("%(n)s parameters, %(size)s of memory") % {"n": count(found.num_params), "size": size(found.reached)}
        ),
        "minutes": lambda: (
            _("%(n)s parameters, about %(time)s") % {"n": count(found.num_params), "time": seconds(found.reached * 60)}
        ),
    }[kind]()
    shorter = min(spec.batch.sequence_length, found.decoder.context_length)
    return Fitted(model=model, changes={"batch.sequence_length": shorter}, sentence=reached)


def _search(spec: TrainSpec, vocab_size: int, kind: str, amount: float) -> fit_to.Fit:
    context = getattr(spec.model, "context_length", spec.batch.sequence_length)
    if kind == "parameters":
        return fit_to.decoder_for_parameters(amount * 1e6, vocabulary_size=vocab_size, context_length=context)
    if kind == "memory":
        worker = likely_worker(spec)
        return _with_context(
            fit_to.decoder_for_memory(
                amount * 1e9,
                sequence_length=spec.batch.sequence_length,
                vocabulary_size=vocab_size,
                micro_batch=spec.batch.micro_batch or spec.batch.sequences_per_step,
                optimizer=spec.optimizer.name,
                precision="bf16" if spec.machine.dtype in ("bfloat16", "float16") else "fp32",
                unified_memory=worker is None or worker.device == "cpu",
            ),
            context,
        )
    if kind == "minutes":
        speed = flop_per_second(likely_worker(spec))
        if speed is None:
            raise FitRefused(_("How fast this machine is has not been measured yet: run a calibration first."))
        return _with_context(
            fit_to.decoder_for_minutes(
                amount,
                flop_per_second=speed,
                sequence_length=spec.batch.sequence_length,
                num_tokens=float(spec.batch.tokens_per_step * spec.schedule.num_steps),
                vocabulary_size=vocab_size,
            ),
            context,
        )
    raise FitRefused(_("Choose parameters, memory or minutes."))


def _with_context(found: fit_to.Fit, context_length: int) -> fit_to.Fit:
    """Give the decoder the context length that was asked for; rotary positions take no parameters."""
    return replace(found, decoder=replace(found.decoder, context_length=context_length))
