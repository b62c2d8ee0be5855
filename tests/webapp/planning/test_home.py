"""Home: where each project stands, in as many questions to the database whatever the number of projects."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import Cast, make_team
from tests.webapp.runs.rows import make_run, make_version
from tests.webapp.runs.test_views import make_checkpoint
from webapp.costs.models import LedgerEntry
from webapp.planning.home import standings
from webapp.planning.queries import project_overview
from webapp.projects.models import Project
from webapp.runs.ranking import BITS, Headline

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_team()


def test_a_project_tells_its_runs_best_and_spend(cast: Cast) -> None:
    first = make_run(cast, name="first")
    first.summary = {"validation/bits_per_byte": {"last": 2.5, "min": 2.25, "max": 8.0, "step": 10}}
    first.save()
    gone = make_run(cast, name="gone")
    gone.deleted_at = gone.created_at
    gone.summary = {"validation/bits_per_byte": {"min": 1.0}}
    gone.save()
    standing = standings([cast.project])[cast.project.pk]
    assert (standing.num_runs, standing.best, standing.spent_usd) == (1, Headline(BITS, 2.25), Decimal(0))
    assert standing.last_run_at == first.created_at


def test_a_project_of_pictures_is_told_by_accuracy(cast: Cast) -> None:
    version = make_version(cast)
    for name, accuracy in (("better", 0.93), ("worse", 0.71)):
        run = make_run(cast, version=version, name=name, state="succeeded")
        run.family = "vision"
        run.summary = {"validation/accuracy": {"last": 0.6, "min": 0.1, "max": accuracy, "step": 10}}
        run.save()
        make_checkpoint(run, 100, is_best=True)
    assert standings([cast.project])[cast.project.pk].best == Headline("validation/accuracy", 0.71)
    overview = project_overview(project=cast.project)
    assert overview.best is not None
    assert overview.best.run.name == "better"
    page = cast.client(cast.bob).get(cast.project.get_absolute_url()).content.decode()
    assert "bits per byte" not in page
    assert page.count("accuracy") == 3, "of the best model and of each run"


def test_home_shows_it(cast: Cast) -> None:
    make_run(cast, name="the running one", state="running")
    page = cast.client(cast.bob).get("/").content.decode()
    assert str(cast.project) in page
    assert "Best, bits per byte" in page
    assert 'data-state="running"' in page


def test_revenue_is_not_spending(cast: Cast) -> None:
    spent = {"team": cast.team, "project": cast.project, "started_at": cast.project.created_at}
    entries = [
        LedgerEntry(**spent, kind=kind, effective_usd=usd, billed_usd=usd)
        for kind, usd in ((LedgerEntry.Kind.PURCHASE, Decimal(3)), (LedgerEntry.Kind.REVENUE, Decimal(50)))
    ]
    LedgerEntry.objects.bulk_create(entries)
    assert standings([cast.project])[cast.project.pk].spent_usd == 3


def test_more_projects_ask_no_more_questions(cast: Cast) -> None:
    with CaptureQueriesContext(
        connection,
    ) as one:
        standings([cast.project])
    others = [Project.objects.create(team=cast.team, name=f"项目 {n}") for n in range(5)]
    with CaptureQueriesContext(connection) as many:
        standings([cast.project, *others])
    assert len(many) == len(one) == 4
