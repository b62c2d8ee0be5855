"""Called inside an installation under test (`manage.py shell`): makes real data and real jobs in its database.

manage.py shell -c "from tests.stack.jobs_seed import tell, make_run; tell(make_run(num_steps=100))"
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.utils import timezone

from tests.trainer.conftest import make_documents, train_dict, write_version
from trainer.data.shards import open_version
from trainer.spec import TrainSpec, spec_from_dict
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.jobs import services
from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.runs.models import Run
from webapp.runs.services import run_create, run_resume
from webapp.teams.models import Membership, Role, Team, User


def tell(value: Any) -> None:
    """Print an answer for the test that asked."""
    print(f"\n@@{json.dumps(value)}")  # noqa: T201


def project() -> Project:
    found = Project.objects.filter(name="Kills").first()
    if found:
        return found
    owner = User.objects.filter(is_staff=True).first() or User.objects.create_superuser("op@example.com")
    team = Team.objects.create(name="Robust 结实")
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    return Project.objects.create(team=team, name="Kills", created_by=owner)


def version() -> DatasetVersion:
    """Return a small prepared text, with its files in the installation's own folder."""
    found = DatasetVersion.objects.filter(dataset__project=project()).first()
    if found:
        return found
    stored_path = "versions/kills"
    open_at = settings.ISOCOST_FILES / stored_path
    write_version(open_at, make_documents(600))
    manifest = open_version(open_at).manifest
    job = Job.objects.create(
        project=project(), team=project().team, kind="prepare", spec={}, state="succeeded", ended_at=timezone.now()
    )
    return DatasetVersion.objects.create(
        dataset=Dataset.objects.create(project=project(), name="kills"),
        number=1,
        job=job,
        recipe={},
        recipe_hash="r" * 64,
        content_hash=manifest.content_hash,
        stored_path=stored_path,
        vocab_size=320,
        num_tokens=1_000,
        splits={},
        ready_at=timezone.now(),
    )


def make_run(*, num_steps: int, every_steps: int = 20, name: str = "run") -> dict[str, Any]:
    """Put a tiny but real training in the queue."""
    raw = train_dict(
        version().path,
        schedule={"num_steps": num_steps, "warmup_steps": 5},
        evaluation={"every_steps": every_steps, "max_batches": 1, "sample_tokens": 0},
        checkpoint={"every_steps": every_steps},
    )
    spec = spec_from_dict(raw)[1]
    assert isinstance(spec, TrainSpec)
    run = run_create(project=project(), created_by=project().created_by, version=version(), spec=spec, name=name)
    return _facts(run)


def resume(run_code: str) -> dict[str, Any]:
    return _facts(run_resume(run=Run.objects.get(code=run_code), by=None))


def ask(job_code: str, what: str) -> str:
    """Ask a job to `stop` or `cancel`; return its state then."""
    service = {"stop": services.job_stop, "cancel": services.job_cancel}[what]
    return service(job=Job.objects.get(code=job_code), by=None).state


def cancel_all() -> int:
    """Cancel every job that is not over; return how many there were."""
    unfinished = list(Job.objects.filter(ended_at=None))
    for job in unfinished:
        services.job_cancel(job=job, by=None)
    return len(unfinished)


def _facts(run: Run) -> dict[str, Any]:
    return {"run": run.code, "job": run.latest_job.code, "folder": str(run.latest_job.folder.path)}
