"""Kept models in fewer bits: jobs that make one, and the version that comes of it."""

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
from webapp.runs.checkpoints import checkpoint_publish
from webapp.teams.models import User


@transaction.atomic
def compression_start(*, version: ModelVersion, method: str, created_by: User | None) -> Compression:
    """Put a job into the queue that stores the version in fewer bits. While one is under way it is that one."""
    if method not in METHODS:
        raise RegistryError(_("There is no method called %s.") % method)
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


def compressed_publish(*, job: Job, fence: int, event: CheckpointWritten) -> None:
    """Make the row of the compressed checkpoint; the caller holds the job's fence."""
    made = Compression.objects.select_related("version__checkpoint__run").get(job=job)
    row = checkpoint_publish(run=made.version.run, job=job, fence=fence, event=event)
    row.compression = made.method
    row.save(update_fields=["compression"])


def compression_finish(*, job: Job, report: dict[str, Any]) -> None:
    """Keep the report, and register what was made as the model's next version with its result."""
    row = Compression.objects.select_related("version__checkpoint__run__dataset_version", "created_by").get(job=job)
    row.report = report
    checkpoint = row.version.run.checkpoints.filter(job=job, compression=row.method).latest("id")
    row.made = model_version_create(
        checkpoint=checkpoint,
        name=row.version.name,
        created_by=row.created_by,
        licence=row.version.licence,
        note=_("%(method)s of %(version)s.") % {"method": METHODS[row.method].title, "version": row.version},  # type: ignore[index]
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
