"""A run of a million steps and a run of none, through the page's own addresses."""

from __future__ import annotations

import time

import numpy as np
import pytest
from django.urls import reverse

from tests.factories import Cast
from tests.webapp.runs.rows import make_run
from webapp.runs.metrics import metrics_append

pytestmark = pytest.mark.django_db
NUM_STEPS = 1_000_000


def test_a_chart_of_a_million_steps_comes_in_a_moment_with_few_points(cast: Cast) -> None:
    run = make_run(cast, name="百万步的训练", num_steps=NUM_STEPS)
    steps = np.arange(NUM_STEPS)
    losses = 1 + 10 / (1 + steps / 1e4)
    losses[777_777] = 99.0  # a spike of one step: it may not be lost among a million
    for first in range(0, NUM_STEPS, 250_000):
        part = slice(first, first + 250_000)
        metrics_append(run=run, steps=steps[part], values={"train/loss": losses[part]})
    client, url = cast.client(cast.vera), reverse("run-metrics", args=[run.code])
    client.get(url)
    began = time.perf_counter()
    answer = client.get(url, {"keys": "train/loss", "points": 1_000})
    assert time.perf_counter() - began < 3  # about 0.03 s on a quiet machine
    found = answer.json()["series"][0]
    assert (found["num_points"], found["exact"]) == (NUM_STEPS, False)
    assert 250 <= len(found["steps"]) <= 2_000
    assert len(answer.content) < 300_000
    assert max(found["high"]) == 99.0
    stretch = client.get(url, {"keys": "train/loss", "points": 1_000, "first": 777_500, "last": 778_000}).json()
    near = stretch["series"][0]
    assert near["exact"] is True
    assert near["last"][near["steps"].index(777_777)] == 99.0
    began = time.perf_counter()
    assert client.get(run.get_absolute_url()).status_code == 200
    assert time.perf_counter() - began < 3


def test_a_run_of_no_steps_has_a_page_and_empty_charts(cast: Cast) -> None:
    run = make_run(cast, name="空的训练", num_steps=0, state="succeeded")
    client = cast.client(cast.vera)
    page = client.get(run.get_absolute_url())
    assert page.status_code == 200
    assert "空的训练" in page.content.decode()
    answer = client.get(reverse("run-metrics", args=[run.code])).json()
    assert answer["series"] == []
    assert answer["run"]["num_steps"] == 0
    csv = b"".join(client.get(reverse("run-csv", args=[run.code])))
    assert csv.decode().splitlines() == ["step,epoch,tokens,flop"]  # a head and no row
