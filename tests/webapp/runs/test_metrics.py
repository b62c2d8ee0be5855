"""The metric store: what is read is what was written, however it came in; levels and cuts are exact."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import make_team
from tests.webapp.runs.rows import make_run
from webapp.runs import metric_levels as levels
from webapp.runs.metric_blocks import load_level
from webapp.runs.metric_queries import metric_csv, metric_keys, metric_series, metric_tail
from webapp.runs.metrics import metrics_append, metrics_truncate
from webapp.runs.models import MetricBlock, MetricSeries, Run

pytestmark = pytest.mark.django_db
small_levels = pytest.mark.usefixtures("small")


@pytest.fixture
def run() -> Run:
    return make_run(make_team())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks and levels so small that a few hundred points make five levels."""
    monkeypatch.setattr(levels, "FACTOR", 4)
    monkeypatch.setattr(levels, "POINTS_PER_BLOCK", 16)
    monkeypatch.setattr(levels, "BUCKETS_PER_BLOCK", 8)
    monkeypatch.setattr(levels, "FOLD_ABOVE", 8)
    monkeypatch.setattr("webapp.runs.metric_blocks.FACTOR", 4)
    monkeypatch.setattr(levels.fold, "__defaults__", (4,))
    return


def stored(run: Run, key: str = "train/loss") -> list[tuple[object, ...]]:
    """Return everything that lies in the database of a metric, row by row."""
    rows = MetricBlock.objects.filter(series__run=run, series__key=key).order_by("level", "first_step")
    names = ("level", "first_step", "last_step", "size", "steps", "last", "low", "high", "mean", "finite", "nan")
    return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows.values_list(*names)]


def ends(run: Run, key: str = "train/loss") -> tuple[object, ...]:
    series = MetricSeries.objects.get(run=run, key=key)
    return (
        series.num_points, series.num_nan, series.first_step, series.last_step, series.last,
        series.lowest, series.lowest_step, series.highest, series.highest_step,
    )  # fmt: skip


def append(run: Run, steps: list[int], values: list[float | None], key: str = "train/loss") -> None:
    if steps:
        metrics_append(run=run, steps=steps, values={key: values})


numbers = st.one_of(st.none(), st.floats(-100, 100, width=16))


@small_levels
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), values=st.lists(numbers, min_size=1, max_size=400), gap=st.integers(1, 3))
def test_any_split_into_batches_stores_the_same_bytes(run: Run, data: st.DataObject, values: list, gap: int) -> None:
    steps = list(range(0, gap * len(values), gap))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(values)), max_size=8)))
    MetricSeries.objects.filter(run=run).delete()
    append(run, steps, values)
    whole, whole_ends = stored(run), ends(run)
    MetricSeries.objects.filter(run=run).delete()
    for start, stop in itertools.pairwise([0, *cuts, len(values)]):
        append(run, steps[start:stop], values[start:stop])
    assert stored(run) == whole
    assert ends(run) == whole_ends


@small_levels
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(numbers, min_size=1, max_size=400),
    after=st.integers(-1, 410),
    more=st.lists(numbers, max_size=60),
    gap=st.integers(1, 3),
)
def test_a_cut_leaves_what_was_never_longer_and_goes_on(
    run: Run, values: list, after: int, more: list, gap: int
) -> None:
    steps = [gap * i for i in range(len(values))]
    kept = [v for s, v in zip(steps, values, strict=True) if s <= after]
    new_steps = [after + 1 + i for i in range(len(more))]
    MetricSeries.objects.filter(run=run).delete()
    append(run, steps[: len(kept)], kept)
    append(run, new_steps, more)
    expected = (stored(run), ends(run)) if kept or more else ([], None)
    MetricSeries.objects.filter(run=run).delete()
    append(run, steps, values)
    metrics_truncate(run=run, after_step=after)
    append(run, new_steps, more)
    assert stored(run) == expected[0]
    if expected[1] is not None and (kept or more):
        assert ends(run) == expected[1]


@small_levels
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(numbers, min_size=1, max_size=400))
def test_each_level_has_the_lowest_highest_last_and_mean_of_its_points(run: Run, values: list) -> None:
    MetricSeries.objects.filter(run=run).delete()
    append(run, list(range(len(values))), values)
    series = MetricSeries.objects.get(run=run, key="train/loss")
    plain = np.array(values, dtype=float)
    for level in range(levels.num_levels(len(values))):
        found = load_level(series.pk, level)
        size = levels.FACTOR**level
        assert len(found) == levels.num_buckets(len(values), level)
        for i in range(len(found)):
            part = plain[i * size : (i + 1) * size]
            good = part[~np.isnan(part)]
            assert found.nan[i] == len(part) - len(good)
            assert found.steps[i] == min((i + 1) * size, len(values)) - 1
            assert np.array_equal(found.last[i], part[-1], equal_nan=True)
            if len(good):
                assert (found.low[i], found.high[i]) == (good.min(), good.max())
                assert found.mean[i] == pytest.approx(good.mean(), abs=1e-9)
            else:
                assert math.isnan(found.low[i])


def test_a_point_of_a_step_that_is_there_replaces_it_and_what_follows(run: Run) -> None:
    append(run, [1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0])
    append(run, [3, 4], [2.5, 1.5])
    found = metric_series(run, "train/loss", max_points=100)
    assert found.buckets.steps.tolist() == [1, 2, 3, 4]
    assert found.buckets.last.tolist() == [4.0, 3.0, 2.5, 1.5]


def test_nan_is_kept_and_marked(run: Run) -> None:
    append(run, [1, 2, 3], [1.0, None, 2.0])
    found = metric_series(run, "train/loss", max_points=100).as_json()
    assert found["last"] == [1.0, None, 2.0]
    assert found["nan"] == [2]
    run.refresh_from_db()
    assert run.summary["train/loss"] == {"last": 2.0, "step": 3, "min": 1.0, "min_step": 1, "max": 2.0, "max_step": 3}


def test_a_chart_of_a_long_run_reads_one_level_and_few_rows(run: Run) -> None:
    values = np.sin(np.arange(1_000_000) / 1e4)
    for start in range(0, 1_000_000, 250_000):
        append(run, range(start, start + 250_000), values[start : start + 250_000])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = metric_series(run, "train/loss", max_points=1_000)
    assert len(queries) == 2
    assert found.num_points == 1_000_000
    assert 500 <= len(found.buckets) <= 1_000
    assert found.buckets.low.min() == pytest.approx(values.min())
    assert found.buckets.high.max() == pytest.approx(values.max())
    near = metric_series(run, "train/loss", max_points=1_000, first_step=500_000, last_step=500_400)
    assert near.is_exact
    assert near.buckets.last.tolist() == pytest.approx(values[500_000:500_401].tolist(), rel=1e-6)


def test_the_tail_is_exact_and_says_when_there_is_too_much(run: Run) -> None:
    append(run, range(5_000), [float(i) for i in range(5_000)])
    assert metric_tail(run, ["train/loss"], first_step=4_998, last_step=4_999, limit=10) == {
        "train/loss": ([4998, 4999], [4998.0, 4999.0])
    }
    assert metric_tail(run, ["train/loss"], first_step=0, last_step=4_999, limit=100) is None


def test_metrics_of_different_density_stand_in_one_table(run: Run) -> None:
    append(run, range(1, 40_001), [1 / s for s in range(1, 40_001)])
    append(run, range(100, 40_001, 100), [2 / s for s in range(100, 40_001, 100)], key="validation/loss")
    lines = list(metric_csv(run))
    assert lines[0].strip() == "step,epoch,tokens,flop,train/loss,validation/loss"
    assert len(lines) == 40_001
    last = lines[-1].strip().split(",")
    assert (last[0], float(last[4]), float(last[5])) == ("40000", 1 / 40_000, 2 / 40_000)
    assert lines[1].strip().endswith(",1.0,")
    assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(1, 40_001))


def test_keys_that_cannot_be_names_are_left_out(run: Run) -> None:
    metrics_append(run=run, steps=[1], values={"": [1.0], "a" * 121: [1.0], "bad\x00": [1.0], "好": [1.0]})
    assert metric_keys(run) == ["好"]


def test_appending_costs_the_same_number_of_statements_for_one_key_and_for_ten(run: Run) -> None:
    counts = []
    for num_keys in (1, 10):
        keys = [f"k{num_keys}/{i}" for i in range(num_keys)]
        metrics_append(run=run, steps=[1], values={key: [1.0] for key in keys})
        with CaptureQueriesContext(connection) as queries:
            metrics_append(run=run, steps=[2], values={key: [random.random()] for key in keys})
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8
