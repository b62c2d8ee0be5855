"""How recommenders learn and are measured. An example to learn from is an interaction, or a user where a family reads sequences.

Evaluation goes over users: the whole catalogue is ranked, what a user has seen is left out, and the report holds the baselines
beside the model on the same users.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from trainer.amounts import amount
from trainer.data.interactions.store import InteractionSplit, Item, read_items
from trainer.data.shards import PreparedVersion
from trainer.errors import InputError
from trainer.metrics.ranking import MIN_SEGMENT, NUM_PLACES, PLACES, Ranked, Segment, ranking_report
from trainer.metrics.report import EvaluationReport
from trainer.recommend.baselines import NEIGHBOURS, POPULAR, ItemNeighbours, popularity_scores, tuned_neighbours
from trainer.recommend.examples import Examples
from trainer.recommend.model import Recommender, VectorRecommender
from trainer.recommend.ranking import rank_all
from trainer.recommend.spec import RecommenderSpec
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.task import Batch, Task

MOST_GROUPS = 12
"""Values of features of users that a report tells of, each by itself."""

MAX_TRAIN_USERS = 2_000
"""Users of the training split that are measured; it is no test."""


class RecommenderTask(Task):
    def __init__(self, spec: TrainSpec, assets: Assets) -> None:
        super().__init__(spec, assets)
        self.model_spec: RecommenderSpec = spec.model
        self.items: list[Item] = read_items(assets.file("items.jsonl"))
        self.item_feature_names = names_in(assets, "item_features.json")
        self.user_feature_names = names_in(assets, "user_features.json")
        self._examples: dict[str, Examples] = {}
        self._baseline: ItemNeighbours | None = None
        self.profiles: Any = None
        """What profiles of users need once (trainer.recommend.profile)."""

    @abstractmethod
    def make(self) -> Recommender:
        """Return the model with fresh weights."""

    def build_model(self) -> Recommender:
        if len(self.items) < 2:
            raise InputError("the prepared data has fewer than two items, so there is nothing to recommend")
        return self.make()

    def require_fitting(self, version: PreparedVersion) -> None:
        super().require_fitting(version)
        if [item.name for item in read_items(version.path / "items.jsonl")] != [item.name for item in self.items]:
            raise InputError(
                "the data has other items than the model was trained on; evaluate on the version that it learnt from"
            )

    def examples(self, split: InteractionSplit) -> Examples:
        if split.name not in self._examples:
            self._examples[split.name] = Examples(split, max_history=self.model_spec.max_history)
        return self._examples[split.name]

    def num_examples(self, split: InteractionSplit) -> int:
        if not split.num_documents:
            raise InputError(f"the {split.name} split has no interactions; prepare the data with a larger share for it")
        return split.num_documents

    def batch(self, split: InteractionSplit, examples: np.ndarray) -> Batch:
        return self.examples(split).interactions(examples)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(model, Recommender)
        return model.loss(batch)

    def count(self, batch: Batch) -> int:
        return len(batch["history_starts"])

    def evaluation_batches(self, split: InteractionSplit, *, batch_size: int, max_batches: int) -> Iterator[Batch]:
        examples = self.examples(split)
        count = len(examples.truth.users)
        most = max_batches * batch_size if max_batches else count
        if split.name == "train":
            most = min(most, MAX_TRAIN_USERS)
        rows = np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)
        for first in range(0, len(rows), batch_size):
            yield examples.people(rows[first : first + batch_size])

    def measure(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return sums over users; the loss is that over the whole catalogue, of one target after another."""
        scores = self.unseen_scores(model, batch)
        users, num_targets = user_of_targets(batch), counts_of(batch["target_starts"], batch["targets"])
        log_likelihood = scores.log_softmax(dim=1)[users, batch["targets"]]
        top = scores.topk(min(PLACES, scores.size(1)), dim=1).indices
        hits = self.hits(top, batch, scores.size(1)).float()
        gains = 1 / torch.arange(2, top.size(1) + 2, device=top.device).log2()
        best = gains.cumsum(0)[num_targets.clamp(max=top.size(1)) - 1]
        mean = scores.new_zeros(len(num_targets)).index_add_(0, users, -log_likelihood) / num_targets
        return {
            "loss": mean.sum(),
            f"recall_at_{PLACES}": (hits.sum(dim=1) / num_targets).sum(),
            f"ndcg_at_{PLACES}": ((hits * gains).sum(dim=1) / best).sum(),
            "mrr": (1 / self.first_rank(scores, batch)).sum(),
            "users": torch.tensor(len(num_targets)),
        }

    def summarise(self, totals: dict[str, float]) -> dict[str, float]:
        count = totals["users"]
        means = {name: total / count for name, total in totals.items() if name != "users"}
        return {**means, "num_users": count}

    def details(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        scores = self.unseen_scores(model, batch)
        top = scores.topk(min(NUM_PLACES, scores.size(1)), dim=1).indices
        return {"rows": batch["rows"], "top": top, "first_rank": self.first_rank(scores, batch)}

    def report(self, split: InteractionSplit, rows: dict[str, np.ndarray]) -> EvaluationReport | None:
        if split.name == "train" or not len(rows["rows"]):
            return None
        truth = self.examples(split).truth
        if len(rows["rows"]) < len(truth.users):
            return None  # of a part of the users there is no report
        model = Ranked(
            name=self.title,
            truth=truth,
            top=rows["top"].astype(np.int64),
            first_rank=rows["first_rank"].astype(np.float64),
        )
        neighbours = self.neighbours(split)
        baselines = [
            rank_all(POPULAR, popularity_scores(truth), split, truth),
            rank_all(NEIGHBOURS, neighbours.scores(split, truth), split, truth),
        ]
        return ranking_report(
            split=split.name,
            model=model,
            baselines=baselines,
            notes=self.notes(split),
            methods=self.methods(split, neighbours),
            groups=self.groups(split),
        )

    def groups(self, split: InteractionSplit) -> list[Segment]:
        """Return users by what describes them, of many values those that most users have."""
        examples = self.examples(split)
        bags = examples.user_features.of(examples.truth.users)
        rows = np.repeat(np.arange(len(bags)), np.diff(bags.starts))
        counts = np.bincount(bags.numbers, minlength=len(self.user_feature_names))
        found = []
        for value in np.argsort(-counts, kind="stable")[:MOST_GROUPS]:
            if counts[value] >= MIN_SEGMENT:
                belongs = np.zeros(len(bags), bool)
                belongs[rows[bags.numbers == value]] = True
                found.append((self.user_feature_names[value], belongs))
        return found

    @property
    def title(self) -> str:
        from trainer.families import get_family

        return get_family(self.spec.family).title

    def methods(self, split: InteractionSplit, neighbours: ItemNeighbours) -> list[str]:
        return [
            f"Ranked over all {split.num_items:,} items, without those that a user has taken before.",
            f"Item-kNN: shrinkage {neighbours.shrinkage:g}, {neighbours.num_neighbours} neighbours, chosen on validation.",
        ]

    def notes(self, split: InteractionSplit) -> list[str]:
        """Return what these numbers do not say."""
        truth, found = self.examples(split).truth, []
        cold = sum(int((truth.counts[each] == 0).sum()) for each in truth.targets)
        without_new = int((np.diff(split.own.starts) > 0).sum()) - truth.num_in_all
        if cold:
            found.append(
                f"{cold:,} of {int(truth.num_targets.sum()):,} items to be foretold occur in no training data."
            )
        if without_new:
            found.append(f"Not counted, as nothing they took in this split is new: {amount(without_new, 'user')}.")
        if len(truth.users) < truth.num_in_all:
            found.append(f"Measured over {len(truth.users):,} of {truth.num_in_all:,} users, an even choice.")
        return found

    def neighbours(self, split: InteractionSplit) -> ItemNeighbours:
        if self._baseline is None:
            self._baseline = tuned_neighbours(split.sibling("validation"))
        return self._baseline

    def documents(self, split: InteractionSplit, example: int) -> Sequence[int]:
        return [example]

    def unseen_scores(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return scores (B, N), with minus infinity for what a user has seen."""
        assert isinstance(model, Recommender)
        scores = model.score_all(batch).float()
        return mask_seen(scores, batch["seen"], batch["seen_starts"])

    def first_rank(self, scores: Tensor, batch: Batch) -> Tensor:
        """Return the place of each user's best target (B,); ties count half."""
        users = user_of_targets(batch)
        best = scores.new_full((len(scores),), float("-inf"))
        best = best.scatter_reduce(0, users, scores[users, batch["targets"]], reduce="amax")[:, None]
        return 1 + (scores > best).sum(dim=1) + ((scores == best).sum(dim=1) - 1).float() / 2

    def hits(self, top: Tensor, batch: Batch, num_items: int) -> Tensor:
        """Return which of the first places (B, K) are targets."""
        rows = torch.arange(len(top), device=top.device)[:, None]
        return torch.isin(rows * num_items + top, user_of_targets(batch) * num_items + batch["targets"])

    def write_beside(self, load: Callable[[], nn.Module], folder: Path) -> list[str]:
        from trainer.inference.loading import LoadedModel
        from trainer.recommend.index import write_vectors

        model = load()
        if not isinstance(model, VectorRecommender):
            return []
        about = write_vectors(LoadedModel(task=self, model=model, device=torch.device("cpu")), folder)
        return [
            "`embeddings.safetensors`: a vector of each item, and of each user where the data was there",
            "`items.jsonl`, `users.jsonl`: whose vectors they are, a line each",
            "`items.usearch`: an index of the items; `index.json` says how to search it",
            f"Of the exact first ten it finds {about['recall_at_10']:.1%}, over {about['queries']:,} searches",
        ]

    def facts(self, model: nn.Module) -> dict[str, Any]:
        tables = [module for module in model.modules() if isinstance(module, nn.EmbeddingBag | nn.Embedding)]
        parts: dict[str, int] = {}
        for name, parameter in model.named_parameters():
            part = name.split(".")[0]
            parts[part] = parts.get(part, 0) + parameter.numel()
        return {
            "num_parameters": sum(p.numel() for p in model.parameters()),
            "parameters_by_part": parts,
            "num_items": len(self.items),
            "table_bytes": sum(each.weight.numel() * each.weight.element_size() for each in tables),
            "num_table_rows": sum(each.num_embeddings for each in tables),
        }


def counts_of(starts: Tensor, numbers: Tensor) -> Tensor:
    return torch.diff(starts, append=starts.new_tensor([len(numbers)]))


def mask_seen(scores: Tensor, seen: Tensor, starts: Tensor) -> Tensor:
    """Put minus infinity in the place of what each user (B, N) has seen."""
    seen, starts = seen.to(scores.device), starts.to(scores.device)
    users = torch.arange(len(starts), device=scores.device).repeat_interleave(counts_of(starts, seen))
    return scores.index_put_((users, seen), scores.new_tensor(float("-inf")))


def user_of_targets(batch: Batch) -> Tensor:
    counts = counts_of(batch["target_starts"], batch["targets"])
    return torch.arange(len(counts), device=counts.device).repeat_interleave(counts)


def names_in(assets: Assets, name: str) -> list[str]:
    found: list[str] = msgspec.json.decode(assets.file(name).read_bytes())
    return found
