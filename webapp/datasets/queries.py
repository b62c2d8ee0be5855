"""What the data pages show, read in few questions."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Func, IntegerField, Q, QuerySet, Sum
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from webapp.datasets.models import WEIGHTS_ENDING, Dataset, DatasetVersion, SourceFile
from webapp.datasets.pages import DataPages, pages_of
from webapp.jobs.display import shown_state, state_word
from webapp.jobs.models import ACTIVE_STATES, State
from webapp.projects.models import Project

FILES_PER_PAGE = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetRow:
    """One dataset in the list."""

    dataset: Dataset
    num_files: int
    files_bytes: int
    versions: list[VersionRow]

    @property
    def pages(self) -> DataPages:
        """How data of its kind are called."""
        return pages_of(self.dataset.data_kind)

    @property
    def latest(self) -> VersionRow | None:
        return self.versions[0] if self.versions else None

    @property
    def ready(self) -> VersionRow | None:
        """The newest version that can be trained on."""
        return next((row for row in self.versions if row.state == "ready"), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionRow:
    version: DatasetVersion
    state: str
    """`ready`, or the state of its job as people see it."""

    word: str

    @property
    def is_active(self) -> bool:
        return self.state != "ready" and self.version.job.state in ACTIVE_STATES


def version_row(version: DatasetVersion) -> VersionRow:
    """Return the version with the state that its badge shows."""
    if version.ready_at is not None:
        return VersionRow(version=version, state="ready", word=_("ready"))
    state = "failed" if version.job.state == State.SUCCEEDED else shown_state(version.job)
    return VersionRow(version=version, state=state, word=state_word(state))


def dataset_rows(project: Project, *, archived: bool) -> list[DatasetRow]:
    """Return the project's datasets, newest first, with their files and versions counted."""
    datasets = list(
        project.datasets.filter(archived_at__isnull=not archived).annotate(
            num_files=Count("files", filter=Q(files__removed_at=None)),
            files_bytes=Sum("files__size_bytes", filter=Q(files__removed_at=None), default=0),
        )
    )
    versions: dict[int, list[VersionRow]] = {}
    for version in _versions().filter(dataset__in=datasets).order_by("-number"):
        versions.setdefault(version.dataset_id, []).append(version_row(version))
    return [
        DatasetRow(
            dataset=dataset,
            num_files=dataset.num_files,  # type: ignore[attr-defined]
            files_bytes=dataset.files_bytes,  # type: ignore[attr-defined]
            versions=versions.get(dataset.pk, []),
        )
        for dataset in datasets
    ]


def dataset_versions(dataset: Dataset) -> list[VersionRow]:
    return [version_row(version) for version in _versions().filter(dataset=dataset).order_by("-number")]


def _versions() -> QuerySet[DatasetVersion]:
    """Reports are long; lists do without them."""
    return DatasetVersion.objects.select_related("job", "job__lease").defer("report", "recipe", "job__spec")


def file_page(dataset: Dataset, *, number: str | None, search: str) -> Page[SourceFile]:
    """Return one page of the dataset's files. A dataset may have thousands."""
    files = with_seen(dataset.files.live())
    if search:
        files = files.filter(name__icontains=search)
    return Paginator(files, FILES_PER_PAGE).get_page(number)


def with_seen(files: QuerySet[SourceFile]) -> QuerySet[SourceFile]:
    """Add `seen`: what a row of the table shows of a preview, without its hundred rows."""
    warnings = Func(F("preview__warnings"), function="jsonb_array_length", output_field=IntegerField())
    return files.defer("preview").annotate(
        seen=JSONObject(
            is_read=Q(preview__isnull=False),
            format=F("preview__files__0__format"),
            num_files=F("preview__num_files"),
            text_column=F("preview__text_column"),
            form=F("preview__form"),
            num_warnings=warnings,
        )
    )


def files_total(dataset: Dataset) -> dict[str, int]:
    """Return how many files the dataset has, how large they are, and how many cannot be read; weights are no mistake."""
    return dataset.files.live().aggregate(
        num=Count("id"),
        size_bytes=Sum("size_bytes", default=0),
        num_broken=Count("id", filter=~Q(problem="") & ~Q(name__endswith=WEIGHTS_ENDING)),
    )
