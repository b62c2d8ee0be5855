"""Sealed predictions: what a fit expects of a run is written down, with time and hash, before the run can begin.

Every new run on a dataset version that has a fit gets one, in the transaction that makes it; no worker can take its job
before that is committed. PostgreSQL refuses to change or delete the row, and the hash is over all that was said.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any, cast

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from economics.errors import EconomicsError
from economics.scaling import predict_loss
from trainer.errors import SpecError
from trainer.spec import TrainSpec, spec_from_dict
from webapp.datasets.models import DatasetVersion
from webapp.ladders.fits import METHOD, fitted_law
from webapp.ladders.models import LadderPoint, ScalingFit, SealedPrediction
from webapp.ladders.rungs import learning_rate_of
from webapp.quotes.models import Quote
from webapp.runs.architectures import decoder_of
from webapp.runs.models import Run, TrainJob

log = logging.getLogger(__name__)


def seal_on_made(sender: type[TrainJob], instance: TrainJob, created: bool, raw: bool = False, **_: Any) -> None:
    """Called when a job of a run was made: its first one has the run's prediction sealed, where a fit allows one."""
    if not created or raw:
        return
    run = instance.run
    if run.train_jobs.count() != 1 or SealedPrediction.objects.filter(run=run).exists():
        return
    try:
        with transaction.atomic():
            seal_make(run=run)
    except DatabaseError:
        raise
    except Exception:  # a run must be made all the same
        log.exception("run %s got no sealed prediction", run.code)


def seal_make(*, run: Run) -> SealedPrediction | None:
    """Seal what the newest law of the run's data expects of it; None where there is no law, or none for such a run."""
    fit = fit_for(run.dataset_version)
    if fit is None:
        return None
    try:
        content = prediction_content(run, fit)
    except (EconomicsError, SpecError):
        return None
    if content is None:
        return None
    at = timezone.now()
    content |= {"at": at.isoformat(), "run": run.code}
    return SealedPrediction.objects.create(
        project=run.project, fit=fit, run=run, content=content, sha256=content_hash(content), at=at
    )


def fit_for(version: DatasetVersion) -> ScalingFit | None:
    """Return the newest fit with a law on exactly this data."""
    fits = ScalingFit.objects.filter(ladder__dataset_version=version, has_law=True, method=METHOD).select_related(
        "ladder"
    )
    return fits.order_by("-created_at", "-number").first()


def prediction_content(run: Run, fit: ScalingFit) -> dict[str, Any] | None:
    """Return what the fit says of the run; None for a family that it says nothing of."""
    spec = cast(TrainSpec, spec_from_dict(run.spec)[1])
    decoder = decoder_of(run.family, spec.model, run.dataset_version.model_facts)
    likeness = ladder_spec(fit)
    if decoder is None or not run.tokens_per_step or run.num_steps < 1 or (likeness and likeness.family != spec.family):
        return None
    num_params, num_tokens = float(decoder.parameters().total), float(run.tokens_per_step * run.num_steps)
    train_tokens = run.dataset_version.num_units("train")
    unique = float(min(num_tokens, train_tokens)) if train_tokens else num_tokens
    found = predict_loss(fitted_law(fit), num_params, num_tokens, num_unique_tokens=unique)
    quote = Quote.objects.filter(job=run.latest_job).first()
    intervals = quote.intervals if quote else {}
    return {
        "fit": fit.code,
        "fit_number": fit.number,
        "ladder": str(fit.ladder),
        "num_points": fit.num_points,
        "num_params": num_params,
        "num_tokens": num_tokens,
        "num_unique_tokens": unique,
        "loss_unit": fitted_law(fit).conventions.loss_unit,
        "loss": found.loss.to_dict(),
        "mean_loss": found.mean_loss.to_dict(),
        "compute_ratio": found.compute_ratio,
        "seconds": intervals.get("seconds"),
        "usd": intervals.get("usd"),
        "differences": differences(spec, likeness, num_params) if likeness else [],
        "warnings": [*found.warnings, *fit.facts.get("warnings", [])],
    }


def ladder_spec(fit: ScalingFit) -> TrainSpec | None:
    """Return the settings of the largest rung that the fit used; None where all runs were made elsewhere."""
    points = LadderPoint.objects.filter(pk__in=fit.point_ids).exclude(spec={}).order_by("-flop")
    point = points.first()
    if point is None:
        return None
    try:
        return cast(TrainSpec, spec_from_dict(point.spec)[1])
    except SpecError:
        return None


def differences(spec: TrainSpec, ladder: TrainSpec, num_params: float) -> list[str]:
    """Return how a run is made otherwise than the rungs that the law was fitted to; each may move its loss."""
    found = []
    if spec.schedule.decay != ladder.schedule.decay:
        found.append(
            _("its learning rate follows “%(mine)s”, the ladder's “%(theirs)s”")
            % {"mine": spec.schedule.decay, "theirs": ladder.schedule.decay}
        )
    for title, mine, theirs in (
        (_("sequence length"), spec.batch.sequence_length, ladder.batch.sequence_length),
        (_("tokens a step"), spec.batch.tokens_per_step, ladder.batch.tokens_per_step),
        (_("optimiser"), spec.optimizer.name, ladder.optimizer.name),
        (_("weight decay"), spec.optimizer.weight_decay, ladder.optimizer.weight_decay),
        (_("dropout"), spec.regularisation.dropout, ladder.regularisation.dropout),
        (_("label smoothing"), spec.regularisation.label_smoothing, ladder.regularisation.label_smoothing),
        (_("form of the model"), getattr(spec.model, "form", ""), getattr(ladder.model, "form", "")),
    ):
        if mine != theirs:
            found.append(
                _("%(what)s is %(mine)s, %(theirs)s in the ladder") % {"what": title, "mine": mine, "theirs": theirs}
            )
    ruled = learning_rate_of(num_params)
    if not 0.5 <= spec.optimizer.learning_rate / ruled <= 2:
        found.append(
            _("its learning rate is %(mine)s, where the ladder's rule gives %(theirs)s")
            % {"mine": f"{spec.optimizer.learning_rate:g}", "theirs": f"{ruled:g}"}
        )
    return found


def canonical(content: dict[str, Any]) -> bytes:
    """Return the one way of writing the content down that is hashed: sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def content_hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(content)).hexdigest()


def is_intact(seal: SealedPrediction) -> bool:
    """Say whether what is stored is what was hashed."""
    return content_hash(seal.content) == seal.sha256
