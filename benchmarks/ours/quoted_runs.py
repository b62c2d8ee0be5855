"""Called inside an installation of its own (`manage.py shell`): data of four kinds, a calibration, and a run of each shape.

All runs are made at once, so that every quote is made of the calibration alone, before any job of the shape has ended.
"""

from __future__ import annotations

import csv
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from django.utils import timezone
from PIL import Image

from tests.stack.jobs_seed import project, tell
from trainer.calibrate.spec import CalibrateSpec
from trainer.data.kinds import get_data_kind, load
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.data.stdlib import source_files
from trainer.families import get_family
from trainer.sections import BatchSpec, CheckpointSpec, DataSpec, EvaluationSpec, RegularisationSpec, ScheduleSpec
from trainer.spec import TrainSpec, spec_to_dict
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.datasets.services.versions import version_publish
from webapp.jobs.models import Job, JobEvent
from webapp.jobs.services import job_create
from webapp.quotes.models import Quote
from webapp.runs.estimates import estimate
from webapp.runs.metric_queries import metric_series
from webapp.runs.models import Run
from webapp.runs.services import run_create

__all__ = ["calibrate", "found", "make_data", "start_runs", "tell"]

NUM_FILES, NUM_PICTURES, NUM_USERS, NUM_ITEMS, ITEMS_EACH = 120, 500, 800, 800, 30
LEAST_STEPS, MOST_STEPS = 10, 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A run: a preset of a family and its batch."""

    family: str
    preset: str
    length: int = 1
    examples: int

    @property
    def name(self) -> str:
        return f"{self.family} {self.preset}, {self.examples} × {self.length}"


SHAPES = (
    Shape(family="gpt", preset="nano", length=128, examples=16),
    Shape(family="gpt", preset="micro", length=128, examples=8),
    Shape(family="gpt", preset="mini", length=256, examples=4),
    Shape(family="gpt", preset="small", length=256, examples=4),
    Shape(family="bert", preset="tiny", length=128, examples=16),
    Shape(family="bert", preset="mini", length=128, examples=8),
    Shape(family="vision", preset="tiny", examples=64),
    Shape(family="vision", preset="resnet18", examples=32),
    Shape(family="vision", preset="vgg11", examples=32),
    Shape(family="vision", preset="vit-tiny", examples=32),
    Shape(family="two_tower", preset="small", examples=256),
    Shape(family="dlrm", preset="small", examples=256),
    Shape(family="sasrec", preset="small", examples=64),
    Shape(family="transformer", preset="tiny", length=64, examples=32),
    Shape(family="bert", preset="modern-mini", length=128, examples=8),
    Shape(family="vision", preset="resnet34", examples=16),
)


def make_data() -> list[str]:
    """Prepare text, pairs, pictures and interactions as jobs would; return the kinds."""
    with tempfile.TemporaryDirectory() as place:
        for kind, write in WRITERS.items():
            folder = Path(place) / kind
            folder.mkdir()
            file = write(folder)
            data_kind = get_data_kind(kind)
            source = SourceSpec(path=str(file), label_from_folder=kind in ("text", "images"))
            spec = PrepareSpec(sources=[source], data_kind=kind, recipe=data_kind.recipe_type())
            load(data_kind.prepare.replace(":run", ":prepare"))(spec, folder / "version")
            version_publish(version=new_version(kind), folder=folder / "version")
    return list(WRITERS)


def new_version(kind: str) -> DatasetVersion:
    job = Job.objects.create(
        project=project(), team=project().team, kind="prepare", spec={}, state="succeeded", ended_at=timezone.now()
    )
    dataset = Dataset.objects.create(project=project(), name=kind)
    return DatasetVersion.objects.create(dataset=dataset, number=1, job=job, recipe={}, recipe_hash=kind.ljust(64, "r"))


def write_text(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "text.zip", "w") as archive:
        for name, path in list(source_files())[:NUM_FILES]:
            archive.writestr(name, path.read_text(encoding="utf-8", errors="ignore"))
    return folder / "text.zip"


def write_pairs(folder: Path) -> Path:
    """Lines of code, and the line behind each."""
    lines = [
        line.strip() for _, path in list(source_files())[:8] for line in path.open(encoding="utf-8", errors="ignore")
    ]
    told = [line for line in lines if len(line) > 20]
    return write_table(folder / "pairs.csv", ("source", "target"), pairwise(told))


def write_pictures(folder: Path) -> Path:
    draw = np.random.default_rng(1)
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for number in range(NUM_PICTURES):
            buffer = BytesIO()
            Image.fromarray(draw.integers(0, 256, (48, 48, 3), dtype=np.uint8)).save(buffer, "PNG")
            archive.writestr(f"class-{number % 10}/{number}.png", buffer.getvalue())
    return folder / "images.zip"


def write_interactions(folder: Path) -> Path:
    draw = np.random.default_rng(1)
    rows = (
        (f"u{user}", f"i{int(NUM_ITEMS * draw.random() ** 2)}", str(1_700_000_000 + n * 86_400 + user))
        for user in range(NUM_USERS)
        for n in range(ITEMS_EACH)
    )
    return write_table(folder / "taken.csv", ("user", "item", "time"), rows)


def write_table(path: Path, header: tuple[str, ...], rows: Any) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "text": write_text, "pairs": write_pairs, "images": write_pictures, "interactions": write_interactions
}  # fmt: skip


def calibrate(seconds: float) -> str:
    """Measure the machine; return the job's code."""
    spec = spec_to_dict("calibrate", CalibrateSpec(seconds=seconds))
    return job_create(project=project(), kind="calibrate", spec=spec, created_by=None, title="Measure").code


def start_runs(seconds: float, only: str) -> dict[str, str]:
    """Make a run of each shape that is quoted about so many seconds; return name -> code of its job."""
    made = {}
    for shape in SHAPES:
        if only in shape.name:
            family = get_family(shape.family)
            version = DatasetVersion.objects.get(dataset__project=project(), data_kind=family.data_kind)
            spec = sized(shape, version, seconds)
            run = run_create(
                project=project(), created_by=project().created_by, version=version, spec=spec, name=shape.name
            )
            made[shape.name] = run.latest_job.code
    return made


def sized(shape: Shape, version: DatasetVersion, seconds: float) -> TrainSpec:
    """Return the run with as many steps as its quote says to fill the time."""
    quoted = {n: estimate(spec_of(shape, version, n), version).seconds for n in (100, 1_100)}
    a, b = quoted[100], quoted[1_100]
    if a is None or b is None:
        raise ValueError(f"{shape.name} has no basis to be quoted on")
    num_steps = round(100 + (seconds - a) * 1_000 / (b - a))
    return spec_of(shape, version, min(max(num_steps, LEAST_STEPS), MOST_STEPS))


def spec_of(shape: Shape, version: DatasetVersion, num_steps: int) -> TrainSpec:
    family = get_family(shape.family)
    return TrainSpec(
        family=shape.family,
        model=family.presets[shape.preset],
        data=DataSpec(path=str(version.path), content_hash=version.content_hash),
        batch=BatchSpec(sequence_length=shape.length, sequences_per_step=shape.examples),
        schedule=ScheduleSpec(num_steps=num_steps, warmup_steps=2),
        regularisation=replace(RegularisationSpec(), **family.defaults.get("regularisation", {})),
        evaluation=EvaluationSpec(every_steps=max(num_steps // 2, 1), max_batches=5, sample_tokens=0),
        checkpoint=CheckpointSpec(every_steps=max(num_steps // 2, 1)),
    )


def step_seconds(run: Run) -> float:
    """Return what the middle step of a run took, by its own clock."""
    seconds = metric_series(run, "time/seconds", max_points=5_000).buckets
    return float(np.median(np.diff(seconds.last) / np.diff(seconds.steps)))


def found(code: str) -> dict[str, Any]:
    """Return what a job was quoted and what it took, start-up apart; without `took` while it is not over."""
    job = Job.objects.get(code=code)
    quote = Quote.objects.filter(job=job).first()
    told: dict[str, Any] = {"state": job.state, "reason": job.reason}
    if quote is None or not job.is_final or quote.seconds is None:
        return told
    attempt = job.attempts.get()
    resolved = JobEvent.objects.filter(job=job, type="resolved").first()
    told_of = {row["name"]: row["value"] for row in quote.assumptions}
    start = told_of.get("start", 0.0) + told_of.get("trial", 0.0)
    run = Run.objects.get(train_jobs__job=job)
    took = (resolved.at - attempt.started_at).total_seconds() if resolved else 0.0
    return told | {
        "quoted": json.loads(json.dumps(quote.intervals["seconds"])),
        "quoted_start": start,
        "took": (attempt.ended_at - attempt.started_at).total_seconds() if attempt.ended_at else 0.0,
        "took_start": took,
        "steps": run.num_steps,
        "quoted_step": told_of["training"] / run.num_steps,
        "took_step": step_seconds(run),
    }
