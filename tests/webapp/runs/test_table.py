"""The table of runs: what the URL asks for is what is shown, and ten thousand runs are no burden."""

from __future__ import annotations

import csv
import io
import time

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.runs.rows import make_run, make_version
from webapp.jobs.models import Job
from webapp.runs import table
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def runs(cast: Cast) -> list[Run]:
    version = make_version(cast)
    made = []
    for name, loss, tags, state in (
        ("brisk-otter-1", 2.0, ["a"], "succeeded"),
        ("calm-owl-2", 1.5, ["a", "b"], "failed"),
        ("中文-3", 1.75, [], "running"),
        ("no-metrics-4", None, [], "queued"),
    ):
        run = make_run(cast, version=version, name=name, tags=tags, state=state)
        if loss is not None:
            metrics_append(run=run, steps=[1, 2], values={"validation/loss": [loss + 1, loss]})
        made.append(run)
    return made


def names(cast: Cast, query: str) -> list[str]:
    view = table.View.of(QueryDict(query))
    return [row.run.name for row in table.rows_of(table.ids_of(cast.project, view))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sort=created", ["brisk-otter-1", "calm-owl-2", "中文-3", "no-metrics-4"]),
        ("sort=min:validation/loss", ["calm-owl-2", "中文-3", "brisk-otter-1", "no-metrics-4"]),
        ("sort=-min:validation/loss", ["brisk-otter-1", "中文-3", "calm-owl-2", "no-metrics-4"]),
        ("sort=name", ["brisk-otter-1", "calm-owl-2", "no-metrics-4", "中文-3"]),
        ("q=owl", ["calm-owl-2"]),
        ("q=^(brisk|calm)&sort=name", ["brisk-otter-1", "calm-owl-2"]),
        ("q=中文", ["中文-3"]),
        ("q=*", []),
        ("tag=a&tag=b", ["calm-owl-2"]),
        ("state=failed", ["calm-owl-2"]),
        ("state=active&sort=name", ["no-metrics-4", "中文-3"]),
        ("family=bow", []),
        ("sort=nonsense&page=x&c=nonsense", ["no-metrics-4", "中文-3", "calm-owl-2", "brisk-otter-1"]),
    ],
)
def test_the_url_says_what_is_shown(cast: Cast, runs: list[Run], query: str, expected: list[str]) -> None:
    assert names(cast, query) == expected


def test_columns_are_chosen_among_metrics_and_settings(cast: Cast, runs: list[Run]) -> None:
    url = reverse("run-list", args=[cast.project.code])
    text = (
        cast.client(cast.vera)
        .get(url, {"c": ["max:validation/loss", "config:optimizer.learning_rate"], "q": "owl"})
        .content.decode()
    )
    assert "max validation/loss" in text
    assert "optimizer.learning_rate" in text
    assert "2.500" in text
    assert names(cast, "sort=config:schedule.num_steps")


def test_a_run_is_known_by_its_familys_own_measure_and_unit(cast: Cast) -> None:
    version = make_version(cast)
    for name, family, values in (
        ("text", "gpt", {"validation/loss": [3.0, 2.0], "validation/bits_per_byte": [1.9, 1.2]}),
        ("classifier", "vision", {"validation/accuracy": [0.5, 0.9]}),
        ("worse", "vision", {"validation/accuracy": [0.4, 0.3], "validation/loss": [0.1, 0.1]}),
    ):
        run = make_run(cast, version=version, name=name, family=family)
        metrics_append(run=run, steps=[1, 2], values={**values, "train/tokens_per_second": [100.0, 165.4]})
    view = table.View.of(QueryDict("sort=-best"))
    rows = table.rows_of(table.ids_of(cast.project, view))
    assert [(row.run.name, row.best_in_words) for row in rows] == [
        ("text", "1.20 bits per byte"),
        ("classifier", "0.900 accuracy"),
        ("worse", "0.400 accuracy"),
    ]
    assert [row.speed_in_words for row in rows] == ["165 tok/s", "165 images/s", "165 images/s"]


def test_the_address_keeps_the_view(cast: Cast) -> None:
    view = table.View.of(QueryDict("q=x y&state=failed&state=active&tag=a&sort=name&c=cost&c=state"))
    again = table.View.of(QueryDict(view.url()[1:]))
    assert again == view
    assert table.View.of(QueryDict(view.url(q="")[1:])).search == ""


def test_the_table_as_csv_has_all_rows_and_runs_no_formula(cast: Cast, runs: list[Run]) -> None:
    Run.objects.filter(pk=runs[0].pk).update(name="=1+1")
    response = cast.client(cast.vera).get(reverse("runs-csv", args=[cast.project.code]), {"sort": "created"})
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
    assert [row["name"] for row in rows] == ["'=1+1", "calm-owl-2", "中文-3", "no-metrics-4"]
    assert rows[1]["min:validation/loss"] == "1.5"


def test_a_page_takes_the_same_queries_for_few_runs_and_for_many(cast: Cast, runs: list[Run]) -> None:
    client, url = cast.client(cast.vera), reverse("run-list", args=[cast.project.code])
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            client.get(url)
        counts.append(len(queries))
        for i in range(20):
            make_run(cast, version=runs[0].dataset_version, name=f"more-{i}")
    assert counts[0] == counts[1] <= 20


def test_ten_thousand_runs_are_paged_quickly(cast: Cast) -> None:
    version = make_version(cast)
    jobs = Job.objects.bulk_create(
        Job(project=cast.project, team=cast.team, kind="train", spec={}, state="succeeded", ended_at=timezone.now())
        for _ in range(10_000)
    )
    Run.objects.bulk_create(
        Run(
            project=cast.project,
            name=f"run-{i}",
            family="gpt",
            dataset_version=version,
            spec={},
            num_steps=100,
            latest_job=job,
            summary={"validation/loss": {"min": (i * 7919 % 10_000) / 1000}},
        )
        for i, job in enumerate(jobs)
    )
    for query in ("", "sort=min:validation/loss"):
        view = table.View.of(QueryDict(query))
        table.rows_of(table.ids_of(cast.project, view)[:50])
        seconds = []
        for _ in range(5):
            begin = time.perf_counter()
            rows = table.rows_of(table.ids_of(cast.project, view)[:50])
            seconds.append(time.perf_counter() - begin)
        assert len(rows) == 50
        assert min(seconds) < 1.0, "generous: other tests may have the processor; the benchmark says the figure"
    assert rows[0].metric("min", "validation/loss") == 0.0
