"""What can happen to a dataset: it is made, renamed, put away, brought back, deleted for good."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from trainer.data.kinds import get_data_kind
from webapp.datasets.errors import DataRefused
from webapp.datasets.models import Dataset, SourceFile, Upload
from webapp.datasets.names import clean_name
from webapp.projects.models import Project
from webapp.teams.models import User


@transaction.atomic
def dataset_create(
    *, project: Project, name: str, description: str = "", data_kind: str = "text", created_by: User | None
) -> Dataset:
    """Make an empty dataset; files and versions come next."""
    get_data_kind(data_kind)  # an unknown one is refused before anything is uploaded
    dataset = Dataset(
        project=project,
        name=clean_name(name)[:120],
        description=description,
        data_kind=data_kind,
        created_by=created_by,
    )
    dataset.full_clean(exclude=["created_by"])
    dataset.save()
    return dataset


@transaction.atomic
def dataset_rename(*, dataset: Dataset, name: str, description: str) -> Dataset:
    dataset.name, dataset.description = clean_name(name)[:120], description
    dataset.full_clean(exclude=["created_by"])
    dataset.save(update_fields=["name", "description"])
    return dataset


def dataset_archive(*, dataset: Dataset) -> None:
    """Put the dataset away: it is no longer listed or changed; its versions stay usable."""
    Dataset.objects.filter(pk=dataset.pk, archived_at=None).update(archived_at=timezone.now())


def dataset_restore(*, dataset: Dataset) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(archived_at=None)


def dataset_delete(*, dataset: Dataset) -> None:
    """Delete the dataset with its files. Refused while versions hang on it: runs must stay able to say what they learnt from."""
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
        if dataset.versions.exists():
            raise DataRefused(
                _("“%(name)s” has prepared versions, which runs may refer to. Archive it instead.")
                % {"name": dataset.name}
            )
        paths = [row.path for row in SourceFile.objects.stored().filter(dataset=dataset)]
        paths += [row.path for row in Upload.objects.filter(dataset=dataset)]
        dataset.delete()
    for path in paths:
        path.unlink(missing_ok=True)
