"""Which way each measure is good, by what it says of a good model and of a bad one."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.families import families
from trainer.metrics.direction import lower_is_better
from trainer.metrics.ranking import MORE_PLACES, PLACES, Ranked, Truth
from trainer.metrics.text_scores import TextScores

WANTED = ["the cat sat on a mat", "there was a dog here", "he reads many books"]
NEAR = ["the cat sat on a mat", "there was a dog there", "he reads many books"]
FAR = ["a mat", "no dog was seen at all", "she writes letters"]


def test_scores_of_texts_rise_with_the_likeness() -> None:
    near, far = ({n: m(np.ones(3)) for n, m in TextScores(texts, WANTED).measures().items()} for texts in (NEAR, FAR))
    assert {name: near[name] > far[name] for name in near} == {name: not lower_is_better(name) for name in near}


def test_scores_of_rankings_rise_with_the_hits() -> None:
    truth = Truth(
        users=np.arange(2), targets=[np.array([3], np.int32), np.array([5], np.int32)],
        history_lengths=np.ones(2, np.int64), counts=np.ones(200, np.int64), num_in_all=2,
    )  # fmt: skip
    firsts = [np.array([3, *range(10, 59)]), np.array([5, *range(10, 59)])]
    good = Ranked(name="good", truth=truth, top=np.stack(firsts), first_rank=np.array([1.0, 1.0]))
    bad = Ranked(name="bad", truth=truth, top=np.stack([np.arange(60, 110)] * 2), first_rank=np.array([90.0, 90.0]))
    for name in (f"recall_at_{PLACES}", f"recall_at_{MORE_PLACES}", f"ndcg_at_{PLACES}", "mrr"):
        assert good.measures()[name](np.ones(2)) > bad.measures()[name](np.ones(2))
        assert not lower_is_better(f"validation/{name}")


@pytest.mark.parametrize(
    "name", ["validation/loss", "test/bits_per_byte", "perplexity", "ece", "popularity_bias_at_10"]
)
def test_losses_errors_and_bits_go_down(name: str) -> None:
    assert lower_is_better(name)


def test_families_are_judged_by_losses_that_fall_or_scores_that_rise() -> None:
    falling = {name for name, family in families().items() if family.lower_is_better}
    assert falling == {name for name, family in families().items() if family.main_metric.endswith("loss")}
