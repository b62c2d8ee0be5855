"""Smaller forms of kept models: jobs that store one in fewer bits or measure one that was trained, and the version of it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from trainer.compress.spec import METHODS
from trainer.events import Checkpoint as CheckpointWritten
from trainer.spec import spec_from_dict, spec_to_dict
from webapp.jobs.models import ACTIVE_STATES, Job
from webapp.jobs.services import job_create
from webapp.registry.errors import RegistryError
from webapp.registry.models import Compression, ModelVersion, Result
from webapp.registry.queries import queue_for_models, version_checkpoint
from webapp.registry.services import model_version_create
from webapp.runs.checkpoints import checkpoint_at, checkpoint_publish
from webapp.runs.models import Checkpoint
from webapp.teams.models import User


@transaction.atomic
def compression_start(*, version: ModelVersion, method: str, created_by: User | None) -> Compression:
    """Put a job into the queue that stores the version in fewer bits. While one is under way it is that one."""
    if method not in METHODS:
        raise RegistryError(
            _("There is no method called %(name)s; choose one of %(all)s.")
            % {"name": method or _("nothing"), "all": ", ".join(METHODS)}
        )
    if version.checkpoint.compression:
        raise RegistryError(_("This version is compressed already; compress the one that it was made of."))
    under_way = Compression.objects.filter(version=version, method=method, job__state__in=ACTIVE_STATES)
    if (made := under_way.first()) is not None:
        return made
    raw = {
        "kind": "compress",
        "checkpoint": str(version_checkpoint(version).path),
        "sha256": version.sha256,
        "method": method,
        "data_path": str(version.run.dataset_version.path),
    }
    job = job_create(
        project=version.project,
        kind="compress",
        spec=spec_to_dict(*spec_from_dict(raw)),
        created_by=created_by,
        title=f"{version} · {METHODS[method].title}",
        queue=queue_for_models(),
    )
    return Compression.objects.create(version=version, method=method, job=job, created_by=created_by)


def title_of(row: Compression) -> str:
    """Return what a smaller form is called: its method, or what the run did that made it."""
    if row.run is None:
        return METHODS[row.method].title if row.method in METHODS else row.method  # type: ignore[index]
    prune, distil = row.run.spec.get("prune") or {}, row.run.spec.get("distil") or {}
    pruned = {
        "magnitude": _("pruned, %(share)s %% of the weights zero") % {"share": f"{100 * prune.get('fraction', 0):.3g}"},
        "structured": _("pruned by whole parts"),
    }.get(str(prune.get("method")), "")
    taught = _("taught, temperature %(t)s, share %(w)s") % {
        "t": f"{distil.get('temperature', 0):g}", "w": f"{distil.get('weight', 0):g}"
    } if distil.get("teacher") else ""  # fmt: skip
    found = ", ".join(part for part in (pruned, taught) if part)
    return found[:1].upper() + found[1:]


def smaller_checkpoint(row: Compression) -> Checkpoint:
    """Return the checkpoint that was measured as the smaller form: one that the job wrote, or the best of a run."""
    if row.run is None:
        return row.version.run.checkpoints.filter(job=row.job, compression=row.method).latest("id")
    found = checkpoint_at(str(row.job.spec.get("smaller", "")))
    if found is None:
        raise RegistryError(_("The files of this checkpoint are no longer there. Choose another."))
    return found


def compressed_publish(*, job: Job, fence: int, event: CheckpointWritten) -> None:
    """Make the row of the compressed checkpoint; the caller holds the job's fence."""
    made = Compression.objects.select_related("version__checkpoint__run").get(job=job)
    row = checkpoint_publish(run=made.version.run, job=job, fence=fence, event=event)
    row.compression = made.method
    row.save(update_fields=["compression"])


def compression_finish(*, job: Job, report: dict[str, Any]) -> None:
    """Keep the report, and register what was made as the model's next version with its result."""
    related = ("version__checkpoint__run__dataset_version", "created_by", "run", "job")
    row = Compression.objects.select_related(*related).get(job=job)
    row.report = report
    row.made = model_version_create(
        checkpoint=smaller_checkpoint(row),
        name=row.version.name,
        created_by=row.created_by,
        licence=row.version.licence,
        note=_("%(method)s of %(version)s.") % {"method": title_of(row), "version": row.version},
    )
    row.save(update_fields=["report", "made"])
    data = row.version.run.dataset_version
    Result.objects.update_or_create(
        version=row.made,
        job=job,
        split=report["split"],
        defaults={
            "dataset_version": data,
            "content_hash": data.content_hash,
            "metrics": report["after"]["metrics"],
        },
    )
