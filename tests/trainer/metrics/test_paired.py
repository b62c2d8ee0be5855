"""Two models on the same examples: measures that are no mean are paired, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from trainer.errors import InputError
from trainer.metrics.paired import Difference, paired_differences
from trainer.metrics.scores import Scores, read_scores, scores_of_labels, write_scores

NUM = 300


def answers(truth: np.ndarray, skill: float, *, seed: int, noise: float = 1.0) -> Scores:
    """Return a classifier's probabilities: the larger `skill`, the more they know of the truth."""
    chance = np.random.default_rng(seed)
    logits = skill * np.eye(3)[truth] + noise * chance.normal(size=(len(truth), 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return scores_of_labels({"probabilities": probabilities, "truth": truth, "documents": np.arange(len(truth))})


def truths(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice(3, NUM, p=[0.7, 0.2, 0.1])


def by_name(found: list[Difference]) -> dict[str, Difference]:
    return {each.name: each for each in found}


def test_a_better_model_is_told_in_f1_and_auroc() -> None:
    truth = truths()
    weak, strong = answers(truth, 1.0, seed=1), answers(truth, 2.5, seed=2)
    found = by_name(paired_differences(weak, strong))
    for name in ("macro_f1", "auroc", "mcc", "accuracy"):
        assert 0 < found[name].low < found[name].difference < found[name].high, name
        assert found[name].p_value < 0.01, name
    predicted = weak.answers["probabilities"].argmax(axis=1)
    assert found["macro_f1"].first == pytest.approx(f1_score(truth, predicted, average="macro"))
    area = roc_auc_score(truth, strong.answers["probabilities"], multi_class="ovr", average="macro")
    assert found["auroc"].second == pytest.approx(area)


def test_models_that_are_alike_are_seldom_told_apart() -> None:
    found = []
    for seed in range(24):
        truth = truths(seed)
        pair = answers(truth, 1.5, seed=2 * seed + 1), answers(truth, 1.5, seed=2 * seed + 2)
        found.append(by_name(paired_differences(*pair, num_draws=80)))
    for name in ("macro_f1", "auroc"):
        assert np.mean([each[name].p_value < 0.05 for each in found]) < 0.2, name
        assert np.mean([each[name].low <= 0 <= each[name].high for each in found]) > 0.75, name


def test_a_model_against_itself_differs_in_nothing() -> None:
    scores = answers(truths(), 1.0, seed=1)
    for each in paired_differences(scores, scores, num_draws=20):
        assert (each.difference, each.low, each.high, each.p_value) == (0, 0, 0, 1)


def test_many_labels_and_entities_are_paired_too() -> None:
    chance = np.random.default_rng(0)
    there = (chance.random((NUM, 4)) < 0.3).astype(int)
    close, far = (np.clip(there + noise * chance.normal(size=there.shape), 0, 1) for noise in (0.3, 0.9))
    documents = np.arange(NUM)
    pair = [scores_of_labels({"probabilities": each, "truth": there, "documents": documents}) for each in (far, close)]
    assert by_name(paired_differences(*pair, num_draws=100))["micro_f1"].low > 0
    said = there + (chance.random(there.shape) < 0.2)
    noisy = Scores(kind="entities", documents=documents, truth=there, answers={"hits": there, "said": said})
    exact = Scores(kind="entities", documents=documents, truth=there, answers={"hits": there, "said": there})
    assert by_name(paired_differences(noisy, exact, num_draws=100))["macro_f1"].low > 0


def test_answers_come_back_from_their_file_and_others_are_refused(tmp_path: Path) -> None:
    scores = answers(truths(), 1.0, seed=1)
    assert write_scores(tmp_path / "scores-test.safetensors", scores)
    again = read_scores(tmp_path / "scores-test.safetensors")
    assert (again.kind, again.num_examples) == ("one_label", NUM)
    assert np.allclose(again.answers["probabilities"], scores.answers["probabilities"], atol=1e-6)
    with pytest.raises(InputError, match="did not answer the same examples"):
        paired_differences(scores, answers(truths(5), 1.0, seed=1))
    few = np.arange(5)
    with pytest.raises(InputError, match="only 5 examples"):
        paired_differences(answers(truths()[few], 1.0, seed=1), answers(truths()[few], 2.0, seed=1))
    (tmp_path / "broken").write_bytes(b"no such file")
    with pytest.raises(InputError, match="holds no answers"):
        read_scores(tmp_path / "broken")
