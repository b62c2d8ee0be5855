"""Called inside an installation under test (`manage.py shell`): a real ladder on real text, of the smallest runs there are."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone

from economics.scaling.ladder_design import SizePlan
from tests.stack.jobs_seed import project, tell
from tests.trainer.conftest import write_version
from trainer.calibrate.spec import CalibrateSpec
from trainer.data.shards import open_version
from trainer.data.stdlib import source_files
from trainer.spec import spec_to_dict
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.jobs.models import Job
from webapp.jobs.services import job_create
from webapp.ladders.models import Ladder
from webapp.ladders.proposal import quoted
from webapp.ladders.rungs import Common, trunk
from webapp.ladders.services import ladder_create
from webapp.runs.services import run_create
from webapp.teams.models import User

__all__ = ["beyond", "make_ladder", "measure", "tell"]

SIZES = (2.5e4, 5e4, 1e5)
STEPS = (24, 48, 96)
TARGET = (2e5, 40_000.0)


def owner() -> User:
    return User.objects.filter(is_staff=True).order_by("pk")[0]


def measure() -> str:
    """Measure the machine, quickly; return the job's code."""
    spec = spec_to_dict("calibrate", CalibrateSpec(seconds=2.0))
    return job_create(project=project(), kind="calibrate", spec=spec, created_by=None, title="Measure").code


def text_version() -> DatasetVersion:
    """Return a prepared version of some files of Python's own library."""
    stored_path = "versions/ladder"
    folder = settings.ISOCOST_FILES / stored_path
    texts = [path.read_text(encoding="utf-8", errors="ignore")[:8_000] for _name, path in list(source_files())[:240]]
    write_version(folder, [(text, 0) for text in texts if text])
    manifest = open_version(folder).manifest
    splits = {name: {"num_tokens": split.num_tokens} for name, split in manifest.splits.items()}
    job = Job.objects.create(
        project=project(), team=project().team, kind="prepare", spec={}, state="succeeded", ended_at=timezone.now()
    )
    return DatasetVersion.objects.create(
        dataset=Dataset.objects.create(project=project(), name="library"), number=1, job=job, recipe={},
        recipe_hash="l" * 64, content_hash=manifest.content_hash, stored_path=stored_path, vocab_size=320,
        num_tokens=manifest.num_tokens, splits=splits, ready_at=timezone.now(),
    )  # fmt: skip


def make_ladder() -> dict[str, Any]:
    """Queue three sizes at three token counts; return the addresses of what comes of it."""
    common = Common(version=text_version(), sequence_length=64, sequences_per_step=2)
    tokens = tuple(float(steps * common.tokens_per_step) for steps in STEPS)
    sizes = [SizePlan(num_params=size, num_tokens=tokens) for size in SIZES]
    proposal = quoted(sizes, common, project().team, target=TARGET, has_repeat=False)
    ladder = ladder_create(project=project(), created_by=owner(), name="ladder", common=common, proposal=proposal)
    return {"ladder": ladder.code, "project": project().code}


def beyond() -> str:
    """Queue the run that the ladder was made to predict; return its code."""
    ladder = Ladder.objects.get()
    assert ladder.dataset_version is not None
    common = Common(version=ladder.dataset_version, sequence_length=64, sequences_per_step=2)
    spec = trunk(*TARGET[:1], [TARGET[1]], common)[0].spec
    run = run_create(
        project=ladder.project, created_by=owner(), version=ladder.dataset_version, spec=spec, name="beyond"
    )  # fmt: skip
    return run.code
