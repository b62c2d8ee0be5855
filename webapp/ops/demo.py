"""The demo project of a first start: a question, this machine measured, Python's own source prepared, a ladder, a model.

One after the other: a plan at the scale of a company, from published law and today's prices; calibrate this machine;
prepare the text; climb a ladder of three sizes with three cooldowns each; and train a model about four times beyond it,
whose loss, time and cost were sealed before it began. A slow or busy machine gets a smaller ladder. Where none can be
made (a machine that could not be measured) the model is trained all the same, without a prediction.
`demo_continue` looks at what is there and does the next step, so that it may be called at any time, any number of times:
at the start, and whenever a job ends.
"""

from __future__ import annotations

import hashlib
import logging
import math
import tempfile
from dataclasses import replace
from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from economics.errors import EconomicsError
from trainer.data.recipe import Recipe
from trainer.data.stdlib import write_archive
from trainer.sections import CheckpointSpec, EvaluationSpec
from trainer.spec import TrainSpec
from webapp.costs.services import calibration_start
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.datasets.services.datasets import dataset_create
from webapp.datasets.services.files import file_set_options
from webapp.datasets.services.uploads import upload_create, upload_finish, upload_progress
from webapp.datasets.services.versions import version_create
from webapp.jobs.models import Attempt
from webapp.ladders.models import Ladder
from webapp.ladders.proposal import Proposal, propose
from webapp.ladders.rungs import Common, RungRefused, trunk
from webapp.ladders.services import common_of, ladder_create, ladder_retarget
from webapp.ladders.timing import device_of_ladders, rung_quote
from webapp.ops.demo_model import SAMPLE_PROMPT, spec_alone
from webapp.ops.models import Demo
from webapp.planning.inputs import OPTION_NAMES, PlanInputs
from webapp.planning.services import plan_create
from webapp.projects.models import Project
from webapp.projects.services import project_create
from webapp.runs.models import Run
from webapp.runs.services import run_create
from webapp.teams.models import Team, User
from webapp.teams.services import owner_ensure

log = logging.getLogger(__name__)

LADDER_SECONDS = 110.0
"""Of the ladder that is tried first."""

LADDER_AND_MODEL_SECONDS = 250.0
"""Of both together: what is left of six minutes. The ladder's time is set so that they fit in."""

NUM_PROPOSALS, WITHIN = 4, 1.1
"""Ladders that are tried out, and how near to the time is near enough."""

TARGET_RATIO = 4.0
"""Compute of the demo's model over the ladder's largest run."""

LEAST_RATIO = 2.0
"""The same on a machine that turned out slower than it had measured itself."""

VOCABULARY = 1_024
"""Small, so that a small model's table of tokens is not most of it."""

SEQUENCES_PER_STEP = 4
"""Of a rung: few, so that a short one still takes some hundreds of steps."""

FOUR_OPTIONS = ("scratch", "fine-tune", "api", "wait")
"""Of the plan's seven, those that the card on the overview compares."""


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
    _company_card(project, owner)
    transaction.on_commit(demo_continue)


def _company_card(project: Project, owner: User) -> None:
    """Make the plan that the overview begins with. Its law is published, and the card says so."""
    inputs = PlanInputs(excluded=",".join(name for name in OPTION_NAMES if name not in FOUR_OPTIONS))
    try:
        with transaction.atomic():
            plan_create(project=project, name=_("Example: a support assistant"), inputs=inputs, created_by=owner)
    except EconomicsError as error:  # such as a catalogue whose prices are all old: the rest of the demo needs no plan
        log.info("the demo has no plan: %s", error)


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
    common = Common(version=version, sequences_per_step=SEQUENCES_PER_STEP, sample_prompt=SAMPLE_PROMPT)
    try:
        proposal = _proposal(common, project.team)
        # a ladder that cannot begin leaves nothing behind, and the model is trained without it
        with transaction.atomic():
            return ladder_create(
                project=project, created_by=owner, name=_("first-ladder"), common=common, proposal=proposal
            )
    except (RungRefused, ValidationError) as error:
        log.info("the demo has no ladder: %s", error)
        return None


def _proposal(common: Common, team: Team) -> Proposal:
    """Return the ladder with which ladder and model take about the time that there is, by their quotes.

    Time does not go with the budget alone (steps of small models cost nearly the same), so it is tried out.
    """
    budget = LADDER_SECONDS
    tried: list[tuple[float, Proposal]] = []
    for _try in range(NUM_PROPOSALS):
        found = propose(common, team, budget_seconds=budget, target_ratio=TARGET_RATIO, has_repeat=False)
        seconds = _seconds_of_both(found, common, team)
        if seconds is None:
            return found
        over = seconds / LADDER_AND_MODEL_SECONDS
        tried.append((abs(math.log(over)), found))
        if 1 / WITHIN <= over <= WITHIN:
            break
        budget /= over
    return min(tried, key=lambda each: each[0])[1]


def _seconds_of_both(proposal: Proposal, common: Common, team: Team) -> float | None:
    """Return the likely time of a ladder and of the run beyond it; None where it is not known."""
    target = trunk(proposal.target[0], [proposal.target[1]], common)[0]
    beyond = rung_quote(target, common.version, proposal.device, team).seconds
    return None if proposal.seconds is None or beyond is None else proposal.seconds.p50 + beyond.p50


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
    spec = spec_alone(version) if ladder is None else _spec_beyond(ladder)
    run_create(
        project=project,
        created_by=owner,
        version=version,
        spec=spec,
        name=_("first-model"),
        tags=["demo"],
        idempotency_key="demo-train",
    )


def _target(ladder: Ladder) -> tuple[float, float]:
    """Return the run beyond the ladder: the one that it was made for, or a smaller one where the ladder took long.

    By now the team's own runs tell how long it takes. It stays at least twice as large as the largest rung.
    """
    assert ladder.target_params is not None
    assert ladder.target_tokens is not None
    target, common, device = (ladder.target_params, ladder.target_tokens), common_of(ladder), device_of_ladders()
    if device is None:
        return target
    quoted = rung_quote(trunk(target[0], [target[1]], common)[0], common.version, device, ladder.project.team).seconds
    left = LADDER_AND_MODEL_SECONDS - (timezone.now() - ladder.created_at).total_seconds()
    if quoted is None or quoted.p50 <= left:
        return target
    share = max(left / quoted.p50, LEAST_RATIO / TARGET_RATIO) ** 0.5
    target = (share * target[0], share * target[1])
    ladder_retarget(ladder=ladder, num_params=target[0], num_tokens=target[1])
    return target


def _spec_beyond(ladder: Ladder) -> TrainSpec:
    """Return the run that the ladder is to predict, made as its rungs are, with samples to read along the way."""
    num_params, num_tokens = _target(ladder)
    spec = trunk(num_params, [num_tokens], common_of(ladder))[0].spec
    every = max(5, spec.schedule.num_steps // 6)
    return replace(
        spec,
        evaluation=EvaluationSpec(every_steps=every, max_batches=4, sample_prompt=SAMPLE_PROMPT, sample_tokens=48),
        checkpoint=CheckpointSpec(every_steps=every, keep_last=2),
    )
