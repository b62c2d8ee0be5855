"""Lists ask the database as often for many rows as for few."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.ladders.rows import make_fit, make_ladder
from tests.webapp.planning.plans import make_plan
from tests.webapp.runs.rows import make_run
from tests.webapp.serving.test_contests import contest
from tests.webapp.sweeps.rows import make_sweep
from webapp.jobs.models import JobEvent
from webapp.ladders.models import Ladder, ScalingFit, SealedPrediction

pytestmark = pytest.mark.django_db
LOSS = {"p10": 2.0, "p50": 2.1, "p90": 2.3}


def sealed(cast: Cast) -> None:
    """Add a ladder with a fit, and a run that was foretold and has landed."""
    made = make_ladder(cast, name=f"ladder-{Ladder.objects.count()}")
    fit = ScalingFit.objects.create(ladder=made, number=1, method="parametric", num_points=9, has_law=True, answer={})
    run = make_run(cast, version=made.dataset_version, state="succeeded")
    content = {"loss": LOSS, "compute_ratio": 3.0}
    SealedPrediction.objects.create(
        project=cast.project, fit=fit, run=run, content=content, sha256="a" * 64, at=timezone.now()
    )
    payload = {"split": "validation", "metrics": {"loss": 2.2}}
    JobEvent.objects.create(
        job=run.latest_job, seq=1_000, fence=1, line=9, at=timezone.now(), type="evaluation", payload=payload
    )


def judged(cast: Cast) -> None:
    contest(cast, prompts=["a", "b"]).bouts.update(winner="first", answered_at=timezone.now())


LISTS: dict[str, Callable[[Cast], object]] = {
    "ladder-list": sealed, "plan-list": make_plan, "sweep-list": make_sweep, "contests": judged,
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_list_asks_no_more_for_more_rows(cast: Cast, name: str) -> None:
    add, browser, url = LISTS[name], cast.client(cast.bob), reverse(name, args=[cast.project.code])
    asked = []
    for num in (1, 4):
        for _ in range(num):
            add(cast)
        browser.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(url).status_code == 200
        asked.append([query["sql"] for query in queries])
    assert len(asked[0]) == len(asked[1]), [sql for sql in asked[1] if asked[1].count(sql) != asked[0].count(sql)]


def test_a_tally_of_landed_predictions(cast: Cast) -> None:
    sealed(cast)
    page = cast.client(cast.vera).get(reverse("ladder-list", args=[cast.project.code])).content.decode()
    assert "1 of 1 losses inside" in page
    assert "2.2" in page


def test_the_newest_fit_of_a_ladder_is_shown(cast: Cast) -> None:
    first = make_fit(cast)
    ScalingFit.objects.create(
        ladder=first.ladder, number=7, method="parametric", num_points=9, has_law=True, answer=first.answer
    )
    page = cast.client(cast.vera).get(reverse("ladder-list", args=[cast.project.code])).content.decode()
    assert "fit 7" in page
    assert "fit 1" not in page
