"""The demo project of a first start: Python's own source, prepared; a ladder of small GPTs; a sealed prediction; a model.

One after the other: calibrate this machine, prepare the text, climb a ladder of three sizes with three cooldowns each,
and train a model about four times beyond it, whose loss, time and cost were sealed before it began. Where no ladder can
be made (a machine that could not be measured, data too few) the model is trained all the same, without a prediction.
`demo_continue` looks at what is there and does the next step, so that it may be called at any time, any number of times:
at the start, and whenever a job ends.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from dataclasses import replace
from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from trainer.data.recipe import Recipe
from trainer.data.stdlib import write_archive
from trainer.families import get_family
from trainer.spec import (
    BatchSpec,
    CheckpointSpec,
    DataSpec,
    EvaluationSpec,
    MachineSpec,
    OptimizerSpec,
    ScheduleSpec,
    TrainSpec,
)
from webapp.costs.services import calibration_start
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.datasets.services.datasets import dataset_create
from webapp.datasets.services.files import file_set_options
from webapp.datasets.services.uploads import upload_create, upload_finish, upload_progress
from webapp.datasets.services.versions import version_create
from webapp.jobs.models import Attempt
from webapp.ladders.models import Ladder
from webapp.ladders.proposal import propose
from webapp.ladders.rungs import Common, RungRefused, trunk
from webapp.ladders.services import common_of, ladder_create
from webapp.ops.models import Demo
from webapp.projects.models import Project
from webapp.projects.services import project_create
from webapp.runs.estimates import spec_flop_per_unit
from webapp.runs.machines import flop_per_second
from webapp.runs.models import Run
from webapp.runs.services import run_create
from webapp.teams.models import Team, User
from webapp.teams.services import owner_ensure

log = logging.getLogger(__name__)

LADDER_SECONDS = 150.0
SLOW_LADDER_SECONDS = 300.0
"""Where the machine is too slow, or too busy, for nine runs in the usual time."""

TARGET_RATIO = 4.0
"""Compute of the demo's model over the ladder's largest run."""

TRAIN_SECONDS = 85.0
"""Of a model without a ladder before it."""

TOKENS_PER_PARAMETER = 6.0
"""Few, so that the model is large enough to write something that looks like code; a plan for quality takes 20."""
VOCABULARY = 2_048
PRESETS = ("nano", "micro", "mini", "small")
SEQUENCES_PER_STEP = 16


@transaction.atomic
def demo_start() -> None:
    """Make the demo project and its first job; nothing if it was made before, also if its project is archived since."""
    if Demo.objects.exists():
        return
    owner = owner_ensure()
    team = Team.objects.filter(memberships__user=owner).order_by("pk").first()
    if team is None:
        return
    project = project_create(
        team=team,
        name=_("Demo: Python's own source"),
        created_by=owner,
        description=_("A first model, trained here on the source of Python's standard library."),
    )
    Demo.objects.create(project=project)
    transaction.on_commit(demo_continue)


def demo_continue() -> None:
    """Do the demo's next step, if there is one."""
    with transaction.atomic():
        demo = Demo.objects.select_for_update(of=("self",)).select_related("project__team").first()
        if demo is None or demo.project.archived_at is not None:
            return
        _next_step(demo.project, owner_ensure())


def demo_continue_after(attempt: Attempt) -> None:
    """The hook at the end of every attempt: go on once it is committed, if the job was the demo's."""
    if Demo.objects.filter(project=attempt.job.project_id).exists():
        transaction.on_commit(_continue_quietly)


def _continue_quietly() -> None:
    try:
        demo_continue()
    except Exception:  # a demo must never break the job that has just ended
        log.exception("the demo could not go on")


def _next_step(project: Project, owner: User) -> None:
    calibration = calibration_start(project=project, created_by=owner, idempotency_key="demo-calibrate")
    if not calibration.is_final:
        return
    version = _version(project, owner)
    if version.ready_at is None:
        return
    ladder = Ladder.objects.filter(project=project).order_by("pk").first()
    if ladder is None and not _trained(project).exists():
        ladder = _ladder(project, owner, version)
    if ladder is not None and ladder.is_active:
        return
    if not _trained(project).exists():
        _train(project, owner, version, ladder)


def _trained(project: Project) -> QuerySet[Run]:
    """Return the runs that are no rungs: the demo's model, or whatever a user has trained in its stead."""
    return Run.objects.filter(project=project, ladder_point=None)


def _ladder(project: Project, owner: User, version: DatasetVersion) -> Ladder | None:
    """Make the ladder; None where none can be made here."""
    common = Common(version=version, sequences_per_step=SEQUENCES_PER_STEP)
    for seconds in (LADDER_SECONDS, SLOW_LADDER_SECONDS):
        try:
            proposal = propose(
                common, project.team, budget_seconds=seconds, target_ratio=TARGET_RATIO, has_repeat=False
            )
            # a ladder that cannot begin leaves nothing behind, and the model is trained without it
            with transaction.atomic():
                return ladder_create(
                    project=project, created_by=owner, name=_("first-ladder"), common=common, proposal=proposal
                )
        except (RungRefused, ValidationError) as error:
            log.info("the demo has no ladder of %.0f s: %s", seconds, error)
    return None


def _version(project: Project, owner: User) -> DatasetVersion:
    dataset = Dataset.objects.filter(project=project).order_by("pk").first()
    if dataset is None:
        dataset = dataset_create(
            project=project,
            name=_("Python standard library"),
            description=_("The sources of the Python that runs here."),
            created_by=owner,
        )
    if not dataset.files.exists():
        _upload_sources(dataset, owner)
    first = dataset.versions.order_by("number").first()
    recipe = Recipe()
    recipe = replace(recipe, tokenizer=replace(recipe.tokenizer, vocab_size=VOCABULARY))
    return first or version_create(dataset=dataset, recipe=recipe, created_by=owner)


def _upload_sources(dataset: Dataset, owner: User) -> None:
    """Bring the sources in by the same way as a user's file."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "python-standard-library.zip"
        write_archive(archive)
        content = archive.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    upload = upload_create(dataset=dataset, name=archive.name, size_bytes=len(content), sha256=sha256, created_by=owner)
    upload.path.parent.mkdir(parents=True, exist_ok=True)
    upload.path.write_bytes(content)
    upload_progress(code=upload.code, offset_bytes=len(content))
    upload_finish(code=upload.code, sha256=sha256)
    # the package that a file comes from is its label: what a classifier can learn to tell
    file_set_options(file=dataset.files.get(), options={"label_from_folder": True})


def _train(project: Project, owner: User, version: DatasetVersion, ladder: Ladder | None) -> None:
    spec = _spec(version) if ladder is None else _spec_beyond(ladder)
    run_create(
        project=project,
        created_by=owner,
        version=version,
        spec=spec,
        name=_("first-model"),
        tags=["demo"],
        idempotency_key="demo-train",
    )


def _spec_beyond(ladder: Ladder) -> TrainSpec:
    """Return the run that the ladder was made to predict, made as its rungs are, with samples to read along the way."""
    assert ladder.target_params is not None
    assert ladder.target_tokens is not None
    spec = trunk(ladder.target_params, [ladder.target_tokens], common_of(ladder))[0].spec
    every = max(5, spec.schedule.num_steps // 10)
    return replace(
        spec,
        evaluation=EvaluationSpec(every_steps=every, max_batches=4, sample_prompt="def ", sample_tokens=48),
        checkpoint=CheckpointSpec(every_steps=every, keep_last=2),
    )


def _spec(version: DatasetVersion) -> TrainSpec:
    """Return the largest preset that gets enough tokens in the time, by what the calibration measured here."""
    chosen: TrainSpec | None = None
    for name in PRESETS:
        spec = _sized(name, version)
        if chosen is None or spec.schedule.num_steps * spec.batch.tokens_per_step >= TOKENS_PER_PARAMETER * _size(
            spec, version
        ):
            chosen = spec
    assert chosen is not None
    return chosen


def _size(spec: TrainSpec, version: DatasetVersion) -> float:
    """Return about how many parameters work on each token."""
    return (spec_flop_per_unit(spec, version) or 0.0) / 6.0


def _sized(preset: str, version: DatasetVersion) -> TrainSpec:
    model = get_family("gpt").presets[preset]
    spec = TrainSpec(
        family="gpt",
        model=model,
        data=DataSpec(path=str(version.path)),
        batch=BatchSpec(sequence_length=model.context_length, sequences_per_step=SEQUENCES_PER_STEP),
        optimizer=OptimizerSpec(learning_rate=3e-3),
        machine=MachineSpec(),
    )
    num_steps = _num_steps(spec, version)
    every = max(5, num_steps // 10)
    return replace(
        spec,
        schedule=ScheduleSpec(num_steps=num_steps, warmup_steps=max(1, num_steps // 20)),
        evaluation=EvaluationSpec(every_steps=every, max_batches=4, sample_prompt="def ", sample_tokens=48),
        checkpoint=CheckpointSpec(every_steps=every, keep_last=2),
    )


def _num_steps(spec: TrainSpec, version: DatasetVersion) -> int:
    """Return how many steps fit into the time; a modest guess where the machine could not be measured."""
    per_token = spec_flop_per_unit(spec, version)
    if not per_token:
        return 100
    speed = flop_per_second(None, flop_per_token=per_token) or 10e9
    return max(20, round(TRAIN_SECONDS * speed / (per_token * spec.batch.tokens_per_step)))
