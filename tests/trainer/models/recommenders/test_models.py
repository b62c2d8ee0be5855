"""Recommenders: parameters as economics counts them, nothing of the future in a batch, losses and measures as defined."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.metrics import ndcg_score

from economics.architecture.recommender import DLRM, SASRec, TwoTower
from tests.trainer.data.interactions.tables import prepared, usual_rows, write_csv
from trainer.cli.train import train_dict
from trainer.data.interactions.store import Histories, InteractionSplit
from trainer.data.shards import PreparedVersion
from trainer.metrics.ranking import Ranked
from trainer.models.dlrm.spec import DlrmSpec
from trainer.models.sasrec.spec import SasrecSpec
from trainer.models.two_tower.spec import TwoTowerSpec
from trainer.recommend.baselines import ItemNeighbours, popularity_scores
from trainer.recommend.negatives import draw, sampled_softmax
from trainer.recommend.ranking import rank, rank_all, truth_of
from trainer.recommend.task import RecommenderTask
from trainer.spec import spec_from_dict
from trainer.training.assets import Assets
from trainer.training.task import make_task

FAMILIES = ("two_tower", "dlrm", "sasrec")


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> PreparedVersion:
    folder = tmp_path_factory.mktemp("interactions")
    items = [[f"商品{i}", f"Title {i}", "书|纸" if i % 2 else "食"] for i in range(22)]
    users = [[f"用户{u}", ["北京", "上海"][u % 2]] for u in range(30)]
    return prepared(
        folder / "version",
        write_csv(folder / "clicks.csv", ["user_id", "item_id", "timestamp"], usual_rows()),
        write_csv(folder / "items.csv", ["item_id", "title", "genre"], items),
        write_csv(folder / "users.csv", ["user_id", "city"], users),
    )[0]


def task_of(version: PreparedVersion, family: str, **changes: Any) -> RecommenderTask:
    raw = train_dict(data=version.path, family=family, preset=None, steps=10)
    raw["model"] |= changes
    _, spec = spec_from_dict(raw)
    task = make_task(spec, Assets.of_version(version))
    assert isinstance(task, RecommenderTask)
    return task


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_are_those_that_economics_counts(version: PreparedVersion, tied: bool) -> None:
    items, of_items, of_users = (len(x) for x in (names(version), features(version, "item"), features(version, "user")))
    assert (items, of_items, of_users) == (22, 3, 2)
    towers = task_of(version, "two_tower", tied_items=tied, tower_layers=2)
    spec = towers.model_spec
    assert isinstance(spec, TwoTowerSpec)
    counted = TwoTower(
        user_rows=(items, of_users), item_rows=(items, of_items), embedding_width=spec.embedding_width,
        tower=spec.tower, tied_items=tied,
    )  # fmt: skip
    assert total(towers) == counted.parameters().total
    ranker = task_of(version, "dlrm", tied_items=tied)
    assert isinstance(ranker.model_spec, DlrmSpec)
    dlrm = DLRM(
        table_rows=(items, items, of_users, of_items), embedding_width=ranker.model_spec.embedding_width,
        bottom=ranker.model_spec.bottom, top=ranker.model_spec.top, num_tied_tables=int(tied),
    )  # fmt: skip
    assert total(ranker) == dlrm.parameters().total
    reader = task_of(version, "sasrec", num_layers=3, feed_forward_width=40)
    assert isinstance(reader.model_spec, SasrecSpec)
    sasrec = SASRec(
        table_rows=(items, of_items),
        embedding_width=32,
        num_layers=3,
        num_heads=2,
        context_length=50,
        feed_forward_width=40,
    )
    assert total(reader) == sasrec.parameters().total


def names(version: PreparedVersion) -> list[str]:
    return version.open_split("train").item_names  # type: ignore[no-any-return]


def features(version: PreparedVersion, side: str) -> list[str]:
    return version.open_split("train").feature_names(side)  # type: ignore[no-any-return]


def total(task: RecommenderTask) -> int:
    facts = task.facts(task.build_model())
    assert sum(facts["parameters_by_part"].values()) == facts["num_parameters"]
    return int(facts["num_parameters"])


def test_a_batch_holds_nothing_of_a_users_future(version: PreparedVersion) -> None:
    task, train = task_of(version, "two_tower", max_history=4), version.open_split("train")
    own, users = train.own, train.own.users()
    numbers = np.arange(train.num_documents)
    batch = task.batch(train, numbers)
    ends = np.append(batch["history_starts"].numpy()[1:], len(batch["history"]))
    for number in numbers:
        history = batch["history"][batch["history_starts"][number] : ends[number]].tolist()
        first = max(int(own.starts[users[number]]), number - 4)
        assert history == own.items[first:number].tolist()
        assert int(batch["items"][number]) == own.items[number]


def test_without_times_a_history_is_all_but_the_item(tmp_path: Path) -> None:
    rows = [row[:2] for row in usual_rows()]
    version, _ = prepared(tmp_path / "v", write_csv(tmp_path / "a.csv", ["user_id", "item_id"], rows))
    task, train = task_of(version, "two_tower"), version.open_split("train")
    batch = task.batch(train, np.arange(train.num_documents))
    ends = np.append(batch["history_starts"].numpy()[1:], len(batch["history"]))
    for number, user in enumerate(train.own.users()):
        history = set(batch["history"][batch["history_starts"][number] : ends[number]].tolist())
        assert history == set(train.own.of(int(user)).tolist()) - {int(batch["items"][number])}


@pytest.mark.parametrize("negatives", ["uniform", "popularity", "in_batch"])
def test_sampled_softmax_is_that_over_all_items_in_expectation(negatives: str) -> None:
    torch.manual_seed(0)
    N, M, D = 2_000, 500, 4
    counts = (torch.rand(N) ** 6 * 1_000).round() + 1
    vectors, queries = torch.randn(N, D), torch.randn(M, D)
    positives = torch.multinomial(counts, M, replacement=True)
    whole = float(F.cross_entropy(queries @ vectors.T, positives))
    losses: dict[bool, float] = {}
    for corrects in (True, False):
        spec = TwoTowerSpec(negatives=negatives, num_negatives=1_500, popularity_correction=corrects)  # type: ignore[arg-type]
        found = []
        for _ in range(20):
            drawn = draw(positives, counts, spec)
            assert drawn is not None
            taken, others = vectors[positives], vectors[drawn.items]
            loss = sampled_softmax(queries, taken, others, positives, drawn, torch.ones(M))
            found.append(float(loss))
        losses[corrects] = float(np.mean(found))
    assert losses[True] == pytest.approx(whole, abs=0.35 if negatives == "in_batch" else 0.1)
    assert abs(losses[True] - whole) < abs(losses[False] - whole)


def test_measures_are_those_of_the_book(version: PreparedVersion) -> None:
    split = version.open_split("test")
    truth = truth_of(split)
    chance = np.random.default_rng(1)
    scores = chance.normal(size=(len(truth.users), split.num_items))
    found = rank_all("any", lambda rows: scores[rows], split, truth)
    for row, targets in enumerate(truth.targets):
        seen = split.before.of(int(truth.users[row]))
        left = np.setdiff1d(np.arange(split.num_items), seen)
        relevant = np.isin(left, targets).astype(float)
        wanted = ndcg_score(relevant[None], scores[row, left][None], k=10)
        assert found.ndcg(10)[row] == pytest.approx(wanted)
        order = left[np.argsort(-scores[row, left])]
        assert found.recall(10)[row] == pytest.approx(len(set(order[:10]) & set(targets)) / len(targets))
        assert found.first_rank[row] == 1 + min(list(order).index(item) for item in targets)
        assert not set(found.top[row][: len(left)]) & set(seen)
    counts = np.bincount(split.train.items, minlength=split.num_items)
    bits = -np.log2((counts + 1) / (counts + 1).sum())
    first = found.top[:, :10]
    of_targets = np.mean([counts[targets].mean() for targets in truth.targets])
    told = {name: found.intervals[name].value for name in found.intervals}
    assert told["coverage_at_10"] == len(set(first.flatten().tolist())) / split.num_items
    assert told["novelty_at_10"] == pytest.approx(bits[first].mean())
    assert told["popularity_bias_at_10"] == pytest.approx(counts[first].mean() / of_targets)


def test_sameness_earns_nothing() -> None:
    _, first_rank = rank(np.zeros((1, 101)), [np.array([], np.int32)], [np.array([7], np.int32)])
    assert first_rank[0] == 51


def test_item_knn_is_the_cosine_with_shrinkage(version: PreparedVersion) -> None:
    split = version.open_split("test")
    train, N = split.train, split.num_items
    taken = np.zeros((train.num_users, N))
    taken[train.users(), train.items] = 1
    together, counts = taken.T @ taken, taken.sum(axis=0)
    similar = together / (np.sqrt(np.outer(counts, counts)) + 10)
    np.fill_diagonal(similar, 0)
    truth = truth_of(split)
    fitted = ItemNeighbours.fit(train, N).with_settings(10, N)
    rows = np.arange(len(truth.users))
    scores = fitted.scores(split, truth)(rows)
    for row in rows:
        wanted = similar[np.unique(split.before.of(int(truth.users[row])))].sum(axis=0)
        np.testing.assert_allclose(scores[row], wanted, atol=2e-6)
    few = fitted.with_settings(0, 3).similarity
    assert np.diff(few.indptr).max() == 3
    assert isinstance(rank_all("popular", popularity_scores(truth), split, truth), Ranked)


@pytest.mark.parametrize("family", FAMILIES)
def test_full_ranking_in_torch_is_that_in_numpy(version: PreparedVersion, family: str) -> None:
    task, split = task_of(version, family), version.open_split("test")
    assert isinstance(split, InteractionSplit)
    model = task.build_model().eval()
    truth = task.examples(split).truth
    batch = task.examples(split).people(np.arange(len(truth.users)))
    with torch.no_grad():
        scores, details = model.score_all(batch).numpy(), task.details(model, batch)
        sums = task.measure(model, batch)
    found = rank_all("same", lambda rows: scores[rows], split, truth)
    np.testing.assert_allclose(details["first_rank"].numpy(), found.first_rank)
    metrics = task.summarise({name: float(value) for name, value in sums.items()})
    assert metrics["ndcg_at_10"] == pytest.approx(found.ndcg(10).mean(), rel=1e-5)
    assert metrics["recall_at_10"] == pytest.approx(found.recall(10).mean(), rel=1e-5)
    assert metrics["mrr"] == pytest.approx((1 / found.first_rank).mean(), rel=1e-5)


def test_of_very_many_users_an_even_choice_is_measured(
    version: PreparedVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = version.open_split("test")
    every = task_of(version, "two_tower").examples(split).truth
    monkeypatch.setattr("trainer.recommend.examples.MAX_USERS", 5)
    task = task_of(version, "two_tower")
    assert len(task.examples(split).truth.users) == 5 < len(every.users)
    (batch,) = task.evaluation_batches(split, batch_size=10, max_batches=0)
    rows = {name: value.numpy() for name, value in task.details(task.build_model().eval(), batch).items()}
    report = task.report(split, rows)
    assert report is not None
    assert f"Measured over 5 of {len(every.users)} users, an even choice." in report.notes


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("negatives", ["in_batch", "uniform", "popularity", "all"])
def test_every_kind_of_negatives_gives_gradients(version: PreparedVersion, family: str, negatives: str) -> None:
    task, train = task_of(version, family, negatives=negatives, num_negatives=8), version.open_split("train")
    model = task.build_model().train()
    loss = task.loss(model, task.batch(train, np.arange(12)))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_an_interaction_counts_as_much_as_its_weight_says(tmp_path: Path, family: str) -> None:
    """One of weight three has the gradient of the same three times over; without a weight all count alike."""
    rows = [[*row, 3 if n % 11 < 4 else ""] for n, row in enumerate(usual_rows())]
    path = write_csv(tmp_path / "a.csv", ["user_id", "item_id", "timestamp", "quantity"], rows)
    weighted, _ = prepared(tmp_path / "v", path)
    task, train = task_of(weighted, family, negatives="all"), weighted.open_split("train")
    assert set(np.unique(train.weights)) == {1.0, 3.0}
    model = task.build_model().eval()
    alone = [task.loss(model, task.batch(train, np.array([n]))).item() for n in range(6)]
    batch = task.batch(train, np.arange(6))
    if family == "sasrec":  # an example holds the losses of its places, which its own weights have already mixed
        weights = [float(batch["history_weights"][a + 1 : b].sum()) for a, b in bounds(batch)]
    else:
        weights = batch["weights"].tolist()
    assert len(set(weights)) > 1
    assert task.loss(model, batch).item() == pytest.approx(np.average(alone, weights=weights), rel=1e-5)


def bounds(batch: dict[str, torch.Tensor]) -> list[tuple[int, int]]:
    starts = [*batch["history_starts"].tolist(), len(batch["history"])]
    return list(pairwise(starts))


def test_a_cold_item_is_known_by_its_features_alone(version: PreparedVersion) -> None:
    task = task_of(version, "two_tower")
    model = task.build_model().eval()
    cold = [i for i, item in enumerate(task.items) if item.count == 0]
    assert [task.items[i].name for i in cold] == ["商品20", "商品21"]
    vectors = model.item_vectors(torch.arange(len(task.items)))  # type: ignore[operator]
    with torch.no_grad():
        model.item_embedding.weight[cold] += 5.0  # type: ignore[union-attr, index, operator]
    torch.testing.assert_close(model.item_vectors(torch.tensor(cold)), vectors[cold])  # type: ignore[operator]
    assert not torch.allclose(vectors[cold[0]], vectors[cold[1]])


def test_histories_of_splits_join_by_user() -> None:
    from trainer.data.interactions.store import joined

    first = Histories(np.array([0, 2, 2]), np.array([4, 5], np.int32), np.array([1, 2]))
    second = Histories(np.array([0, 1, 3]), np.array([6, 7, 8], np.int32), np.array([3, 3, 4]))
    both = joined([first, second])
    assert [both.of(user).tolist() for user in range(2)] == [[4, 5, 6], [7, 8]]
