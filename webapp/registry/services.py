"""All that people do to kept models: make, move between stages, name, describe, delete."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from trainer.metrics.scores import scores_name
from webapp.projects.models import Project
from webapp.registry.card import EDITABLE
from webapp.registry.errors import RegistryError
from webapp.registry.lineage import lineage_of
from webapp.registry.models import Alias, ModelVersion, Result, Stage, StageMove
from webapp.registry.uses import uses_of
from webapp.runs.checkpoints import checkpoint_pin
from webapp.runs.models import Checkpoint
from webapp.runs.reports import artifact_path
from webapp.teams.models import User

ALIAS = re.compile(r"[\w][\w.\-]{0,59}")
MAX_CARD_CHARACTERS = 20_000


@transaction.atomic
def model_version_create(
    *, checkpoint: Checkpoint, name: str, created_by: User | None, licence: str = "", note: str = ""
) -> ModelVersion:
    """Keep a checkpoint under a name: it gets the next number, and its files stay whatever is cleaned up."""
    name = " ".join(name.split())[:120]
    if not name:
        raise RegistryError(_("Give the model a name; versions of one model share it."))
    row = Checkpoint.objects.select_for_update(of=("self",)).select_related("run__project").get(pk=checkpoint.pk)
    project = row.run.project
    made = ModelVersion.objects.live().filter(project=project, name=name, checkpoint=row).first()
    if made is not None:
        return made
    if row.removed_at is not None or not row.path.is_dir():
        raise RegistryError(_("The files of this checkpoint are no longer there. Choose another."))
    was_pinned = row.is_pinned
    checkpoint_pin(checkpoint=row, pinned=True)
    Project.objects.select_for_update().get(pk=project.pk)  # numbers are given one after the other
    last = ModelVersion.objects.filter(project=project, name=name).aggregate(last=Max("number"))["last"] or 0
    version = ModelVersion.objects.create(
        project=project,
        name=name,
        number=last + 1,
        checkpoint=row,
        sha256=row.sha256,
        licence=licence.strip()[:120],
        lineage=lineage_of(row),
        card={"intended_use": note.strip()[:MAX_CARD_CHARACTERS]} if note.strip() else {},
        was_pinned=was_pinned,
        created_by=created_by,
    )
    StageMove.objects.create(version=version, to_stage=Stage.CANDIDATE, sentence=_("Registered."), by=created_by)
    _take_over_test(version)
    return version


def _take_over_test(version: ModelVersion) -> None:
    """The run's own test result is the version's first, where it was measured with these very weights."""
    run = version.run
    metrics = {key: value for key, value in run.test_metrics.items() if key != "step"}
    is_same = run.test_metrics.get("step") == version.checkpoint.step and not version.checkpoint.compression
    if metrics and is_same:
        data, scores = run.dataset_version, artifact_path(run, scores_name("test"))
        Result.objects.create(
            version=version,
            job=run.latest_job,
            dataset_version=data,
            content_hash=data.content_hash,
            split="test",
            metrics=metrics,
            scores_path=str(scores.relative_to(settings.ISOCOST_FILES)) if scores else "",
            at=run.latest_job.ended_at or timezone.now(),
        )


@transaction.atomic
def stage_move(*, version: ModelVersion, stage: str, sentence: str, by: User | None) -> ModelVersion:
    """Move a version to a stage, with the reason in a sentence. The one in production before goes to archived."""
    if stage not in Stage.values:
        raise RegistryError(_("There is no stage called %(stage)s.") % {"stage": stage})
    if not sentence.strip():
        raise RegistryError(_("Say in a sentence why it moves: who reads the history later will want to know."))
    Project.objects.select_for_update().get(pk=version.project_id)  # two moves at once must not leave two in production
    row = ModelVersion.objects.get(pk=version.pk)
    if row.deleted_at is not None:
        raise RegistryError(_("This version was deleted."))
    if row.stage == stage:
        return row
    if stage == Stage.PRODUCTION:
        for other in ModelVersion.objects.live().filter(project=row.project, name=row.name, stage=stage):
            _move(other, Stage.ARCHIVED, _("%(version)s took its place.") % {"version": row}, by)
    _move(row, stage, sentence.strip()[:2_000], by)
    return row


def _move(version: ModelVersion, stage: str, sentence: str, by: User | None) -> None:
    before, version.stage = version.stage, stage
    version.save(update_fields=["stage"])
    StageMove.objects.create(version=version, from_stage=before, to_stage=stage, sentence=sentence, by=by)


@transaction.atomic
def alias_set(*, version: ModelVersion, alias: str, by: User | None) -> Alias:
    """Let an alias point at the version; it leaves the one it pointed at."""
    alias = alias.strip()
    if not ALIAS.fullmatch(alias):
        raise RegistryError(
            _("An alias is one word of letters, digits, dots, hyphens and underscores, at most 60 characters long.")
        )
    if version.deleted_at is not None:
        raise RegistryError(_("This version was deleted."))
    row, _made = Alias.objects.update_or_create(
        project=version.project,
        model_name=version.name,
        alias=alias,
        defaults={"version": version, "set_by": by, "set_at": timezone.now()},
    )
    return row


def alias_remove(*, version: ModelVersion, alias: str) -> None:
    Alias.objects.filter(version=version, alias=alias).delete()


def licence_set(*, version: ModelVersion, licence: str) -> None:
    version.licence = " ".join(licence.split())[:120]
    version.save(update_fields=["licence"])


def card_edit(*, version: ModelVersion, parts: Mapping[str, str]) -> None:
    """Keep what people wrote into the card. The generated parts are not stored: they are always today's figures."""
    kept = {name: parts[name].strip()[:MAX_CARD_CHARACTERS] for name in EDITABLE if parts.get(name, "").strip()}
    version.card = kept
    version.save(update_fields=["card"])


@transaction.atomic
def model_version_delete(*, version: ModelVersion, by: User | None) -> None:
    """Keep the version no longer: refused while anything uses it. Its row stays, its number is not given again."""
    row = ModelVersion.objects.select_for_update(of=("self",)).select_related("checkpoint__run").get(pk=version.pk)
    if row.deleted_at is not None:
        return
    if uses := uses_of(row):
        raise RegistryError(" ".join([_("%(version)s is in use.") % {"version": row}, *uses]))
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])
    StageMove.objects.create(
        version=row, from_stage=row.stage, to_stage=Stage.ARCHIVED, sentence=_("Deleted from the registry."), by=by
    )
    others = ModelVersion.objects.live().filter(checkpoint=row.checkpoint)
    if not row.was_pinned and not others.exists():
        checkpoint_pin(checkpoint=row.checkpoint, pinned=False)


def held_by_version(checkpoint: Checkpoint) -> str:
    """Say which version needs the checkpoint; empty for none. Registered with the runs, which then keep it."""
    version = ModelVersion.objects.live().filter(checkpoint=checkpoint).first()
    if version is None:
        return ""
    return _("This checkpoint is kept as %(version)s. Delete that version first.") % {"version": version}
