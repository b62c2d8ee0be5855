"""From choices to data: what was liked better, in a contest or side by side in a conversation, becomes preferences to learn.

contest_prepare, conversations_prepare     a dataset, prepared with the tokenizer of the model that shall learn from it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from trainer.data.parts.recipe import PreferencesRecipe
from trainer.data.recipe import SplitStep
from webapp.datasets.errors import DataRefused
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.datasets.services.datasets import dataset_create
from webapp.datasets.services.files import file_remove
from webapp.datasets.services.uploads import file_write
from webapp.datasets.services.versions import version_create
from webapp.jobs.errors import JobRefused
from webapp.jobs.models import Job, Queue
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving.contests import ContestRefused, asking
from webapp.serving.models import Contest, Preference
from webapp.teams.models import User

KIND = "preferences"
FEWEST = 5
"""Choices from which at least one lands in each split, as a rule."""

SPLIT = SplitStep(validation_fraction=0.15, test_fraction=0.15)


def rows_of_contest(contest: Contest) -> Iterator[dict[str, Any]]:
    """Yield what was chosen and what was rejected; ties and equal answers say nothing."""
    for bout in contest.bouts.filter(winner__in=("first", "second")):
        answers = (bout.first_answer, bout.second_answer)
        chosen, rejected = answers if bout.winner == "first" else answers[::-1]
        if chosen.strip() and rejected.strip() and chosen != rejected:
            yield {"prompt": [{"role": "user", "content": bout.prompt}], "chosen": chosen, "rejected": rejected}


def rows_of_project(project: Project) -> Iterator[dict[str, Any]]:
    """Yield the choices that were made side by side in conversations."""
    for each in Preference.objects.filter(project=project).order_by("created_at").iterator():
        yield {"prompt": each.messages, "chosen": each.chosen, "rejected": each.rejected}


def as_lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    return (msgspec.json.encode(row) + b"\n" for row in rows)


def choices_planned(project: Project, data: Mapping[str, str]) -> list[Job]:
    """Return the preparation of a contest's choices, or of those of conversations, for the quote beside its button."""
    contest = Contest.objects.filter(project=project, code=data["contest"]).first() if data.get("contest") else None
    num_bytes = sum(map(len, as_lines(rows_of_contest(contest) if contest else rows_of_project(project))))
    spec = {"kind": "prepare", "num_bytes": num_bytes}
    return [Job(project=project, team=project.team, kind="prepare", spec=spec, queue=Queue.CPU)]


def learner_of(contest: Contest) -> Checkpoint | None:
    """Return the model that shall learn from the choices: the second one, or the first where the second cannot."""
    models = (contest.second, contest.first)
    return next((each for each in models if each and asking(each) == "chat" and each.removed_at is None), None)


def contest_prepare(*, contest: Contest, created_by: User) -> DatasetVersion:
    """Prepare a contest's choices for the model that shall learn from them."""
    learner = learner_of(contest)
    if learner is None:
        raise ContestRefused(
            _("Neither model answers in conversations, so that neither can learn what is liked better.")
        )
    name = _("Choices of %(contest)s") % {"contest": contest.name}
    version = choices_prepare(
        rows=list(rows_of_contest(contest)), dataset=contest.dataset, name=name, learner=learner, created_by=created_by
    )
    Contest.objects.filter(pk=contest.pk).update(dataset=version.dataset)
    return version


def conversations_prepare(*, learner: Checkpoint, created_by: User) -> DatasetVersion:
    """Prepare the choices of a project's conversations for a model."""
    project = learner.run.project
    return choices_prepare(
        rows=list(rows_of_project(project)), dataset=conversations_dataset(project), name=_conversations_name(),
        learner=learner, created_by=created_by,
    )  # fmt: skip


def conversations_dataset(project: Project) -> Dataset | None:
    """Return the dataset that holds the choices of a project's conversations, once they were prepared."""
    return Dataset.objects.live().filter(project=project, name=_conversations_name(), data_kind=KIND).first()


def _conversations_name() -> str:
    return str(_("Choices of conversations"))


@transaction.atomic
def choices_prepare(
    *, rows: list[dict[str, Any]], dataset: Dataset | None, name: str, learner: Checkpoint, created_by: User
) -> DatasetVersion:
    """Put choices into a dataset, in the place of those that it had, and prepare it with the learner's tokenizer."""
    if len(rows) < FEWEST:
        raise ContestRefused(
            _("%(found)d choices between two different answers are there; judge at least %(few)d.")
            % {"found": len(rows), "few": FEWEST}
        )
    try:
        if dataset is None or dataset.archived_at is not None:
            dataset = dataset_create(project=learner.run.project, name=name, data_kind=KIND, created_by=created_by)
        for file in dataset.files.live():
            file_remove(file=file)
        file_write(dataset=dataset, name="choices.jsonl", content=b"".join(as_lines(rows)), created_by=created_by)
        return version_create(
            dataset=dataset, recipe=PreferencesRecipe(split=SPLIT), created_by=created_by,
            tokenizer=learner.run.dataset_version.path / "tokenizer",
        )  # fmt: skip
    except (DataRefused, JobRefused) as refusal:
        raise ContestRefused(str(refusal)) from refusal
