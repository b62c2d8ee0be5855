"""How near written texts come to wanted ones: BLEU and chrF by sacrebleu, ROUGE, and exact equality.

Every score is a function of sums over texts, so that it can be resampled: `TextScores.measures` gives them in the form
that `trainer.metrics.bootstrap` draws from. Scores are from 0 to 100, as is usual for them; `exact` is a share.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from trainer.metrics.labels import Floats, Measure

_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_JAPANESE = re.compile("[\u3040-\u30ff]")
_WORDS = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|\\w+")


class TextScores:
    """Scores of texts against one reference each."""

    def __init__(self, written: Sequence[str], wanted: Sequence[str]) -> None:
        self.tokenizer = bleu_tokenizer(wanted)
        self._bleu = BLEU(tokenize=self.tokenizer, effective_order=True)
        self._chrf = CHRF()
        self._bleu_sums = statistics(self._bleu, written, wanted)
        self._chrf_sums = statistics(self._chrf, written, wanted)
        rouge = [[rouge_n(a, b, 1), rouge_n(a, b, 2), rouge_l(a, b)] for a, b in zip(written, wanted, strict=True)]
        self._rouge: Floats = np.asarray(rouge, np.float64).reshape(len(written), 3)
        self.exact = np.asarray([a.strip() == b.strip() for a, b in zip(written, wanted, strict=True)], np.float64)

    def measures(self) -> dict[str, Measure]:
        """Return each score as a function of weights, one a text."""
        found: dict[str, Measure] = {
            "bleu": corpus_score(self._bleu, self._bleu_sums),
            "chrf": corpus_score(self._chrf, self._chrf_sums),
        }
        for column, name in enumerate(("rouge_1", "rouge_2", "rouge_l")):
            found[name] = mean_of(100 * self._rouge[:, column])
        return {**found, "exact": mean_of(self.exact)}

    def signatures(self) -> list[str]:
        """Return how BLEU and chrF were computed, as papers are asked to say."""
        return [f"BLEU {self._bleu.get_signature()}", f"chrF {self._chrf.get_signature()}"]


def bleu_tokenizer(texts: Sequence[str]) -> str:
    """Return sacrebleu's tokenizer that suits the language: zh where much of it is Chinese, char for Japanese, else 13a."""
    sample = "".join(texts[:1_000])
    letters = sum(character.isalpha() for character in sample)
    if _JAPANESE.search(sample):
        return "char"  # ja-mecab needs a dictionary that is not installed
    return "zh" if letters and len(_CJK.findall(sample)) > 0.2 * letters else "13a"


def statistics(metric: Any, written: Sequence[str], wanted: Sequence[str]) -> Floats:
    """Return the sums that a corpus score is made of, a row a text."""
    rows = metric._extract_corpus_statistics(list(written), [list(wanted)])
    found: Floats = np.asarray(rows, np.float64)
    return found


def corpus_score(metric: Any, sums: Floats) -> Measure:
    """Return the corpus score as a function of weights."""

    def score(weights: NDArray[np.float64]) -> float:
        return float(metric._compute_score_from_stats((weights @ sums).tolist()).score)

    return score


def mean_of(values: Floats) -> Callable[[NDArray[np.float64]], float]:
    return lambda weights: float((weights * values).sum() / weights.sum())


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; each Chinese character is a word."""
    return _WORDS.findall(unicodedata.normalize("NFKC", text).lower())


def rouge_n(written: str, wanted: str, n: int) -> float:
    """Return ROUGE-N as F1 (Lin 2004): what share of n-grams two texts have in common."""
    first, second = grams(words(written), n), grams(words(wanted), n)
    return f1(sum((first & second).values()), first.total(), second.total())


def grams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def rouge_l(written: str, wanted: str) -> float:
    """Return ROUGE-L as F1: the longest common subsequence of words."""
    first, second = words(written), words(wanted)
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for j, other in enumerate(second, start=1):
            before, row[j] = row[j], before + 1 if word == other else max(row[j], row[j - 1])
    return f1(row[-1], len(first), len(second))


def f1(common: int, num_first: int, num_second: int) -> float:
    if not num_first or not num_second:
        return 0.0
    return 2 * common / (num_first + num_second)
