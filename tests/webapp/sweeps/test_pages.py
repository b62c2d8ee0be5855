"""The pages of sweeps: the form with what it would take, and a sweep with its lines, table and rule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import Cast
from tests.webapp.ladders.rows import measured_worker
from tests.webapp.runs.rows import make_run, make_version
from tests.webapp.sweeps.rows import make_sweep
from webapp.sweeps.models import Sweep

pytestmark = pytest.mark.django_db


def answers(cast: Cast, **changes: Any) -> dict[str, Any]:
    version = cast.project.datasets.first().versions.first() if cast.project.datasets.exists() else make_version(cast)
    found = {
        "version": version.pk, "base": "gpt:nano", "num_steps": 100, "method": "random", "budget": 2, "budget_kind": "hours",
        "max_trials": 12, "num_at_once": 1, "first_rung": 0, "halving_factor": 3, "seed": 1,
        "name-0": "optimizer.learning_rate", "values-0": "1e-4 .. 1e-2 log",
    }  # fmt: skip
    return {**found, **changes}


def test_the_form_says_what_it_takes_and_makes_a_sweep(cast: Cast) -> None:
    measured_worker()
    client, url = cast.client(cast.bob), f"/projects/{cast.project.code}/sweeps/"
    page = client.post(f"{url}propose/", answers(cast)).content.decode()
    assert "at most 12" in page
    assert "whole runs" in page
    for figure in ("sweep_seconds", "sweep_usd", "quote_seconds", "quote_kwh", "quote_co2e_kg", "quote_memory"):
        assert f'data-figure="{figure}"' in page
    assert "can only hint" not in page  # 12 runs for one setting
    made = client.post(f"{url}new/", answers(cast))
    sweep = Sweep.objects.get()
    assert made.url == sweep.get_absolute_url()
    assert (sweep.family, sweep.method, sweep.metric, sweep.budget_hours) == ("gpt", "random", "validation/loss", 2)
    assert sweep.spec["schedule"]["num_steps"] == 100
    assert "rates" not in client.get(url).content.decode()
    assert client.get(sweep.get_absolute_url()).status_code == 200  # before any run has ended


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"values-0": "fast"}, "is not a value"),
        ({"values-0": "1e-3"}, "Nothing varies"),
        ({"name-0": "optimizer.rate"}, "There is no setting"),
        ({"first_rung": 100}, "make it less"),
        ({"base": "gpt:enormous"}, "Begin with"),
        ({"budget": 0}, "Budget"),
        ({"metric": "<b>loss"}, "such as validation/accuracy"),
        ({"values-0": "1e-3 .. inf log"}, "is not a value"),
        ({"method": "grid", "name-1": "seed", "values-1": "1 .. 900 50", "name-2": "model.num_layers",
          "values-2": "1 .. 60 50"}, "The grid has"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_said_before_anything_is_queued(
    cast: Cast, changes: dict[str, Any], sentence: str
) -> None:
    url = f"/projects/{cast.project.code}/sweeps/"
    assert sentence in cast.client(cast.bob).post(f"{url}propose/", answers(cast, **changes)).content.decode()
    refused = cast.client(cast.bob).post(f"{url}new/", answers(cast, **changes))
    assert refused.status_code == 422 or "notice error" in refused.content.decode()
    assert not Sweep.objects.exists()


def test_a_sweep_shows_its_lines_best_and_rule(cast: Cast) -> None:
    sweep = make_sweep(cast)
    page = cast.client(cast.vera).get(sweep.get_absolute_url())
    text = page.content.decode()
    assert text.count("<polyline") == 2 * 4  # for wide and for narrow windows
    assert 'data-figure="best" data-value="2.2"' in text
    assert "Too early" in text  # four runs tell nothing of what mattered
    assert "the rule is borrowed" in text
    assert page.context["rule"].best[0].rate.value == pytest.approx(2.6e-3, rel=0.5)
    assert "webapp" not in text
    table = cast.client(cast.vera).get(f"{sweep.get_absolute_url()}runs.csv").content.decode().splitlines()
    assert table[0].startswith("run,optimizer.learning_rate,validation/loss")
    assert len(table) == 5


def test_a_run_leads_to_a_sweep_around_it(cast: Cast) -> None:
    run = make_run(cast, state="succeeded")
    text = cast.client(cast.bob).get(run.get_absolute_url()).content.decode()
    assert f"sweeps/new/?from={run.code}" in text
    form = cast.client(cast.bob).get(f"/projects/{cast.project.code}/sweeps/new/?from={run.code}").context["form"]
    assert form["base"].value() == f"run:{run.code}"


def test_going_on_takes_numbers_only(cast: Cast) -> None:
    sweep = make_sweep(cast)
    client, url = cast.client(cast.bob), f"{sweep.get_absolute_url()}act/"
    client.post(url, {"action": "go-on", "more_trials": "many"})
    sweep.refresh_from_db()
    assert sweep.state == "done"
    client.post(url, {"action": "go-on", "more_trials": "5", "more_budget": "1.5"})
    sweep.refresh_from_db()
    assert (sweep.state, sweep.max_trials, sweep.budget_hours) == ("running", 25, 2.5)
