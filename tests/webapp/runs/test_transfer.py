"""The worth of a transfer, from the points of two runs to the table."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.factories import Cast
from tests.webapp.runs.rows import make_run, make_version
from webapp.datasets.models import DatasetVersion
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Run
from webapp.runs.transfer import FACT, Found, stored, worth_store, worths_of

pytestmark = pytest.mark.django_db


def started(cast: Cast, version: DatasetVersion, name: str, *, seed: int = 1, source: str = "") -> Run:
    """Return an ended run, from a trained model or from random weights."""
    run = make_run(cast, version=version, state="succeeded", name=name)
    run.spec = {**run.spec, "seed": seed, **({"transfer": {"source": source}} if source else {})}
    run.save(update_fields=["spec"])
    return run


def measured(run: Run, **values: list[float]) -> None:
    steps = [10 * 2**n for n in range(len(next(iter(values.values()))))]
    metrics_append(run=run, steps=steps, values={f"validation/{name}": row for name, row in values.items()})
    run.last_step = steps[-1]
    run.save(update_fields=["last_step"])
    run.refresh_from_db()


def test_a_transfer_is_held_against_the_run_from_scratch(cast: Cast) -> None:
    version = make_version(cast)
    scratch, moved = started(cast, version, "scratch"), started(cast, version, "moved", source="/models/base")
    assert worths_of(moved) == []  # there is nothing to compare with yet
    measured(scratch, loss=[4.0, 3.0, 2.0, 1.0], accuracy=[0.2, 0.4, 0.5, 0.6])  # at 10, 20, 40, 80 steps
    measured(moved, loss=[3.5, 2.5], accuracy=[0.3, 0.7])
    assert worths_of(scratch) == []  # it did not start from anything
    worth_store(moved)
    moved.refresh_from_db()
    by_loss, by_score = stored(moved)
    assert moved.facts[FACT] == by_loss.multiplier == pytest.approx(20 * 2**0.5 / 20)  # halfway from 20 steps to 40
    assert (by_loss.low, by_loss.high) == pytest.approx((20 / 20, 40 / 10))
    assert not by_loss.knows_scatter  # four measurements and two
    assert by_score.measure == "validation/accuracy"
    assert by_score.is_lower_bound  # from scratch it never had 0.7
    assert by_score.shown() == "≥ 4 ×"  # the 80 steps by 20
    Run.objects.filter(pk=moved.pk).update(facts={})
    worth_store(scratch)  # it may end later than what is held against it
    url = reverse("run-list", args=[cast.project.code])
    columns = {"c": ["effective_data", "effective_data_score"], "sort": "-effective_data"}
    page = cast.client(cast.vera).get(url, columns).content.decode()
    assert "1.41 × (1–4)" in page
    assert "≥ 4 ×" in page


def test_more_seeds_from_scratch_widen_the_range(cast: Cast) -> None:
    version = make_version(cast)
    moved = started(cast, version, "moved", source="/models/base")
    losses = [4.0, 3.0, 2.0, 1.0]
    for seed, late in ((1, 0.0), (2, 0.4)):
        measured(started(cast, version, f"scratch-{seed}", seed=seed), loss=[loss + late for loss in losses])
    measured(moved, loss=[3.5, 2.5])
    (found,) = worths_of(moved)
    assert len(found.against) == 2
    assert found.multiplier == pytest.approx(2 ** ((0.5 + 0.9) / 2))  # the geometric mean of the two


def test_a_best_that_may_be_chance_is_not_told_as_a_number() -> None:
    values = {
        "measure": "validation/loss",
        "multiplier": 4.0,
        "is_lower_bound": False,
        "knows_scatter": True,
        "against": [],
    }
    nothing, something = Found(**values, low=0.0, high=None), Found(**values, low=0.3, high=None)
    assert (nothing.shown(), something.shown()) == ("not known", "4 × (0.3–…)")
    assert "may be chance" in nothing.sentences()[0]


def test_the_page_says_what_cannot_be_told_and_how_to_know_it(cast: Cast) -> None:
    moved = started(cast, make_version(cast), "moved", source="/models/base")
    measured(moved, loss=[3.5, 2.5])
    client = cast.client(cast.alice)
    page = client.get(moved.get_absolute_url()).content.decode()
    assert "no run of this shape began with random weights" in page
    form = client.get(reverse("run-create", args=[cast.project.code]), {"from": moved.code, "weights": "random"})
    assert form.context["form"]["transfer.source"].value() == ""
