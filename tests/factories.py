"""The cast of the tests: Alice owns the team, Adam helps her run it, Bob works, Vera looks, Charlie is a stranger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.utils import timezone

from webapp.datasets.models import Dataset, DatasetVersion
from webapp.jobs.models import FINAL_STATES, Job, State
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint, Run, TrainJob
from webapp.teams.models import Membership, Role, Team, User

PASSWORD = "correct horse battery"


def make_user(name: str, **extra: Any) -> User:
    """Return a user called `name`, with e-mail name@example.com and no usable password (tests sign in by session)."""
    return User.objects.create_user(f"{name.lower()}@example.com", name=name, **extra)


@dataclass(slots=True)
class Cast:
    team: Team
    project: Project
    alice: User
    adam: User
    bob: User
    vera: User
    charlie: User

    def client(self, user: User | None) -> Client:
        """Return a browser in which the user is signed in; None: nobody is."""
        client = Client()
        if user is not None:
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client


def make_team(name: str = "Acme AI") -> Cast:
    """Return a team with a project, one member of each role, and a stranger who owns a team of his own."""
    team = Team.objects.create(name=name)
    roles = {"Alice": Role.OWNER, "Adam": Role.ADMIN, "Bob": Role.MEMBER, "Vera": Role.VIEWER}
    people = {who: make_user(who) for who in roles}
    for who, role in roles.items():
        Membership.objects.create(team=team, user=people[who], role=role)
    charlie = make_user("Charlie")
    Membership.objects.create(team=Team.objects.create(name="Elsewhere"), user=charlie, role=Role.OWNER)
    project = Project.objects.create(team=team, name="Support assistant 客服助手", created_by=people["Alice"])
    return Cast(
        team=team,
        project=project,
        alice=people["Alice"],
        adam=people["Adam"],
        bob=people["Bob"],
        vera=people["Vera"],
        charlie=charlie,
    )


def make_ended_job(cast: Cast, *, kind: str = "plain", state: State = State.SUCCEEDED, **fields: Any) -> Job:
    """Return a job's row as it is after the machinery; nothing runs."""
    ended_at = timezone.now() if state in FINAL_STATES else None
    values = {"spec": {}, "created_by": cast.bob, "ended_at": ended_at, **fields}
    return Job.objects.create(project=cast.project, team=cast.team, kind=kind, state=state, **values)


def make_dataset(cast: Cast, name: str = "Corpus 语料") -> Dataset:
    return Dataset.objects.create(project=cast.project, name=name, created_by=cast.bob)


def make_version(cast: Cast, dataset: Dataset | None = None) -> DatasetVersion:
    """Return the row of a version that is not ready; its folder is not there."""
    dataset = dataset or make_dataset(cast)
    job = make_ended_job(cast, kind="prepare")
    number = dataset.versions.count() + 1
    return DatasetVersion.objects.create(dataset=dataset, number=number, job=job, recipe={}, recipe_hash="0" * 64)


def make_run(cast: Cast, name: str = "brisk-otter-1", **fields: Any) -> Run:
    """Return the row of a run whose one job has succeeded."""
    job = make_ended_job(cast, kind="train")
    values = {"family": "gpt", "spec": {}, "num_steps": 100, "tokens_per_step": 1_024, **fields}
    run = Run.objects.create(
        project=cast.project,
        name=name,
        dataset_version=make_version(cast),
        latest_job=job,
        created_by=cast.bob,
        **values,
    )
    TrainJob.objects.create(job=job, run=run)
    return run


def make_checkpoint(cast: Cast, run: Run | None = None, *, step: int = 100, **fields: Any) -> Checkpoint:
    """Return the row of a published checkpoint; its folder is not there."""
    run = run or make_run(cast)
    values = {"stored_path": f"nowhere/{step}", "sha256": "0" * 64, "size_bytes": 1, **fields}
    return Checkpoint.objects.create(run=run, job=run.latest_job, fence=1, step=step, **values)
