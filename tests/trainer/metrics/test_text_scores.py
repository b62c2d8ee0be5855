"""Scores of written texts are sacrebleu's own, with the tokenizer that suits the language."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu

from trainer.metrics.bootstrap import bootstrap
from trainer.metrics.text_scores import TextScores, bleu_tokenizer, rouge_l, rouge_n

WRITTEN = ["the cat sat on the mat", "there is a dog here", "he reads one book"]
WANTED = ["the cat sat on a mat", "there was a dog here", "he reads many books"]


def test_corpus_scores_are_those_of_the_reference() -> None:
    ones = np.ones(len(WRITTEN))
    found = {name: measure(ones) for name, measure in TextScores(WRITTEN, WANTED).measures().items()}
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(WRITTEN, [WANTED], use_effective_order=True).score)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(WRITTEN, [WANTED]).score)
    assert found["exact"] == 0


def test_chinese_is_cut_into_characters_and_the_page_says_so() -> None:
    written, wanted = ["今天天气很好", "他读了一本书"], ["今天天气真好", "他读了一本书"]
    scores = TextScores(written, wanted)
    assert "tok:zh" in scores.signatures()[0]
    reference = sacrebleu.corpus_bleu(written, [wanted], tokenize="zh", use_effective_order=True)
    assert scores.measures()["bleu"](np.ones(2)) == pytest.approx(reference.score)
    assert bleu_tokenizer(["plain English with 一 sign"]) == "13a"


def test_rouge_by_hand() -> None:
    assert rouge_n("the cat", "the dog", 1) == pytest.approx(0.5)
    assert rouge_n("the cat sat", "the cat ran", 2) == pytest.approx(0.5)
    assert rouge_l("a b c d", "a c b d") == pytest.approx(0.75)
    assert rouge_n("one", "one", 2) == 0  # no bigrams to have in common


def test_intervals_hold_the_score() -> None:
    measures = TextScores(WRITTEN * 10, WANTED * 10).measures()
    for found in bootstrap(measures, num_examples=30):
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low - 1e-6 <= found.value <= found.high + 1e-6
