"""Every measure and both baselines, worked out anew with plain loops over names: nothing of the program's is used to check it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import log2
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.data.interactions.tables import pairs_of, prepared, write_csv
from tests.trainer.models.recommenders.test_models import task_of
from tests.trainer.recommend_data import made_up_tastes
from trainer.data.shards import PreparedVersion
from trainer.metrics.ranking import Ranked
from trainer.recommend.baselines import ItemNeighbours, popularity_scores
from trainer.recommend.ranking import rank_all, truth_of

Ranking = dict[str, list[str]]
"""User -> all items that it has not taken before, best first."""


class Plain:
    """The same interactions as sets of names: what was taken before the test, and what in it."""

    def __init__(self, version: PreparedVersion) -> None:
        train, validation, test = (pairs_of(version, name) for name in ("train", "validation", "test"))
        self.items = version.open_split("test").item_names
        self.counts = Counter(item for _, item, _ in train)
        self.baskets: dict[str, set[str]] = {}
        for user, item, _ in train:
            self.baskets.setdefault(user, set()).add(item)
        self.before: dict[str, set[str]] = {}
        for user, item, _ in train + validation:
            self.before.setdefault(user, set()).add(item)
        self.wanted: dict[str, set[str]] = {}
        for user, item, _ in test:
            if item not in self.before.get(user, set()):
                self.wanted.setdefault(user, set()).add(item)

    def ranked(self, score: Callable[[str, str], float]) -> Ranking:
        return {
            user: sorted(
                (item for item in self.items if item not in self.before.get(user, set())),
                key=lambda item: -score(user, item),
            )
            for user in self.wanted
        }

    def measures(self, ranking: Ranking) -> dict[str, float]:
        """Return the means over users, as textbooks have them."""
        every = sum(self.counts.values()) + len(self.items)
        found: dict[str, list[float]] = {name: [] for name in ("recall_at_10", "recall_at_50", "ndcg_at_10", "mrr")}
        information, recommended, taken = [], [], []
        for user, order in ranking.items():
            wanted = self.wanted[user]
            for places in (10, 50):
                found[f"recall_at_{places}"].append(len(wanted.intersection(order[:places])) / len(wanted))
            gain = sum(1 / log2(place + 2) for place, item in enumerate(order[:10]) if item in wanted)
            best = sum(1 / log2(place + 2) for place in range(min(len(wanted), 10)))
            found["ndcg_at_10"].append(gain / best)
            found["mrr"].append(1 / (1 + min(order.index(item) for item in wanted)))
            information.append(np.mean([-log2((self.counts[item] + 1) / every) for item in order[:10]]))
            recommended.append(np.mean([self.counts[item] for item in order[:10]]))
            taken.append(np.mean([self.counts[item] for item in wanted]))
        shown = {item for order in ranking.values() for item in order[:10]}
        return {
            **{name: float(np.mean(values)) for name, values in found.items()},
            "coverage_at_10": len(shown) / len(self.items),
            "novelty_at_10": float(np.mean(information)),
            "popularity_bias_at_10": float(np.mean(recommended) / np.mean(taken)),
        }

    def neighbours(self, shrinkage: float, most: int) -> Callable[[str, str], float]:
        """Return item-kNN: the likeness of an item to those taken, of each of which only the nearest count."""
        likeness: dict[str, dict[str, float]] = {}
        for one in self.items:
            near = {}
            for other in self.items:
                together = sum(one in basket and other in basket for basket in self.baskets.values())
                if other != one and together:
                    near[other] = together / ((self.counts_of(one) * self.counts_of(other)) ** 0.5 + shrinkage)
            likeness[one] = dict(sorted(near.items(), key=lambda each: -each[1])[:most])
        popular = {
            item: 1e-6 * self.counts_of(item) / (max(map(self.counts_of, self.items)) + 1) for item in self.items
        }
        return lambda user, item: (
            popular[item] + sum(likeness[taken].get(item, 0.0) for taken in self.before.get(user, set()))
        )

    def counts_of(self, item: str) -> int:
        return sum(item in basket for basket in self.baskets.values())


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> PreparedVersion:
    folder = tmp_path_factory.mktemp("tastes")
    clicks, _, _ = made_up_tastes(folder, num_users=80, num_items=70, num_tastes=3, each=15, seed=3)
    users = write_csv(
        folder / "users.csv", ["user", "city"], [[f"用户{n}", ["北京", "Berlin"][n % 2]] for n in range(80)]
    )
    return prepared(folder / "version", clicks, users)[0]


def assert_same(ranked: Ranked, expected: dict[str, float]) -> None:
    found = {name: interval.value for name, interval in ranked.intervals.items()}
    assert found == pytest.approx(expected, abs=1e-6)


def drawn_scores(version: PreparedVersion) -> np.ndarray:
    facts = version.manifest.facts
    return np.random.default_rng(5).normal(size=(facts["num_users"], facts["num_items"]))


def test_measures_of_any_scores(version: PreparedVersion) -> None:
    plain, split = Plain(version), version.open_split("test")
    scores, truth = drawn_scores(version), truth_of(split)
    users, items = ({name: n for n, name in enumerate(names)} for names in (split.user_names, split.item_names))
    ranked = rank_all("drawn", lambda rows: scores[truth.users[rows]], split, truth)
    assert_same(ranked, plain.measures(plain.ranked(lambda user, item: float(scores[users[user], items[item]]))))


@pytest.mark.parametrize(("shrinkage", "most"), [(0.0, 20), (10.0, 100), (100.0, 20)])
def test_item_neighbours(shrinkage: float, most: int, version: PreparedVersion) -> None:
    plain, split = Plain(version), version.open_split("test")
    truth = truth_of(split)
    fitted = ItemNeighbours.fit(split.train, split.num_items).with_settings(shrinkage, most)
    own = plain.neighbours(shrinkage, most)
    every = fitted.scores(split, truth)(np.arange(len(truth.users)))
    expected = [[own(split.user_names[user], item) for item in plain.items] for user in truth.users]
    ties = most < len(plain.items)  # the last of the nearest may be one of several that are as near
    close = np.isclose(every, expected, atol=1e-5)
    assert close.mean() > (0.97 if ties else 0.999999)


def test_the_most_popular(version: PreparedVersion) -> None:
    plain, split = Plain(version), version.open_split("test")
    truth = truth_of(split)
    ranked = rank_all("popular", popularity_scores(truth), split, truth)
    expected = plain.measures(plain.ranked(lambda user, item: plain.counts[item]))
    for row, user in enumerate(truth.users):
        order = [plain.items[i] for i in ranked.top[row, :10]]
        assert not plain.before[split.user_names[user]].intersection(order)
        counts = [plain.counts[item] for item in order]
        assert counts == sorted(counts, reverse=True)
    assert ranked.intervals["novelty_at_10"].value == pytest.approx(expected["novelty_at_10"], abs=1e-6)


@pytest.mark.parametrize("family", ["two_tower", "dlrm", "sasrec"])
def test_a_model_is_measured_by_its_own_scores(family: str, version: PreparedVersion, tmp_path: Path) -> None:
    """What a validation sums and what a report says are the same, and what plain loops make of the model's scores."""
    import torch

    plain, split, task = Plain(version), version.open_split("test"), task_of(version, family)
    torch.manual_seed(0)
    model = task.build_model().eval()
    (batch,) = task.evaluation_batches(split, batch_size=1_000, max_batches=0)
    with torch.no_grad():
        scores = model.score_all(batch).numpy()
        sums = {name: float(total) for name, total in task.measure(model, batch).items()}
        rows = {name: value.numpy() for name, value in task.details(model, batch).items()}
    report = task.report(split, rows)
    assert report is not None
    places = {split.user_names[user]: row for row, user in enumerate(task.examples(split).truth.users)}
    items = {name: n for n, name in enumerate(split.item_names)}
    expected = plain.measures(plain.ranked(lambda user, item: float(scores[places[user], items[item]])))
    assert {each.name: each.value for each in report.metrics} == pytest.approx(expected, abs=1e-5)
    of_berlin = {user for user in plain.wanted if int(user.removeprefix("用户")) % 2}
    segment = next(row for row in report.tables[2].rows if row[0] == "city=Berlin")
    ranking = plain.ranked(lambda user, item: float(scores[places[user], items[item]]))
    part = plain.measures({user: order for user, order in ranking.items() if user in of_berlin})
    assert segment[1] == len(of_berlin)
    assert [cell.split(" ")[0] for cell in segment[2:]] == [f"{part[each.name]:.3f}" for each in report.metrics]
    means = task.summarise(sums)
    assert {name: means[name] for name in ("recall_at_10", "ndcg_at_10", "mrr")} == pytest.approx(
        {name: expected[name] for name in ("recall_at_10", "ndcg_at_10", "mrr")}, abs=1e-5
    )
