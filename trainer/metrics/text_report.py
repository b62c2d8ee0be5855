"""The report of texts that were written against those that were wanted. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.data.shards import DocumentId
from trainer.metrics.bootstrap import bootstrap
from trainer.metrics.report import EvaluationReport, Example
from trainer.metrics.text_scores import TextScores, rouge_l

NUM_SHOWN = 20
COST = 20
"""A corpus score takes about so many times as long as a mean."""


def text_report(
    *,
    split: str,
    sources: Sequence[str],
    wanted: Sequence[str],
    written: Sequence[str],
    origins: Sequence[DocumentId],
) -> EvaluationReport:
    """Return scores with intervals, how they were computed, and the texts that came out worst."""
    scores = TextScores(written, wanted)
    likeness = [rouge_l(a, b) for a, b in zip(written, wanted, strict=True)]
    wrong = sorted((i for i in range(len(written)) if not scores.exact[i]), key=lambda i: (likeness[i], i))
    shown = [
        Example(
            text=sources[i], truth=wanted[i], predicted=written[i], probability=likeness[i],
            source=origins[i].source, row=origins[i].row,
        )
        for i in wrong[:NUM_SHOWN]
    ]  # fmt: skip
    return EvaluationReport(
        split=split,
        num_examples=len(written),
        metrics=bootstrap(scores.measures(), num_examples=len(written), cost=COST),
        methods=scores.signatures(),
        errors=shown,
        errors_title="What came out farthest from what was wanted (share of words in common)",
        correct=[int(each) for each in scores.exact],
    )
