"""The report of an evaluation of labels: measures with intervals, a table by label, the matrix, the worst errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics import labels as measures
from trainer.metrics.bootstrap import bootstrap
from trainer.metrics.labels import Floats, Measure
from trainer.metrics.report import Bin, EvaluationReport, Example, Matrix, Table
from trainer.metrics.thresholds import error_curve

Rows = dict[str, NDArray[Any]]
Show = Callable[[int], tuple[str, str, int]]
"""Number of a document -> its text, source and row."""

NUM_ERRORS = 25
MAX_MATRIX_LABELS = 60
MAX_CURVES = 40
COLUMNS = ["label", "examples", "precision", "recall", "f1", "auroc"]


def single_label_report(*, split: str, names: list[str], rows: Rows, show: Show, unseen: list[str]) -> EvaluationReport:
    """Return the report of one label a text. Rows: probabilities (N, C), truth (N,), documents (N,)."""
    probabilities, truth, documents = rows["probabilities"].astype(np.float64), rows["truth"], rows["documents"]
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    correct, ones = predicted == truth, np.ones(len(truth))
    confusion = measures.confusion_matrix(truth, predicted, num_labels=len(names))
    is_positive = truth[:, None] == np.arange(len(names))
    wrong = np.flatnonzero(~correct)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:NUM_ERRORS]
    found = [measure_of(is_positive, probabilities, label) for label in range(len(names))]
    return EvaluationReport(
        split=split,
        num_examples=len(truth),
        metrics=bootstrap(
            single_label_measures(truth, predicted, probabilities), num_examples=len(truth), cost=len(names) + 2
        ),
        notes=notes(names, unseen),
        tables=[Table(title="by label", columns=COLUMNS, rows=label_rows(names, confusion, [f(ones) for f in found]))],
        matrix=Matrix(title="confusion", names=names, counts=confusion.astype(int).tolist())
        if len(names) <= MAX_MATRIX_LABELS
        else None,
        calibration=bins_of(measures.calibration_bins(confidence, correct, ones)),
        errors=[
            example(show, int(documents[i]), names[truth[i]], names[predicted[i]], float(confidence[i])) for i in wrong
        ],
        curves=[
            error_curve(name, is_positive[:, label], probabilities[:, label])
            for label, name in list(enumerate(names))[:MAX_CURVES]
        ],
        documents=[int(i) for i in documents],
        correct=correct.astype(int).tolist(),
    )


def single_label_measures(truth: NDArray[Any], predicted: NDArray[Any], probabilities: Floats) -> dict[str, Measure]:
    num_labels = probabilities.shape[1]
    correct, confidence = predicted == truth, probabilities.max(axis=1)

    def of_matrix(measure: Callable[[Floats], float], weights: Floats) -> float:
        return measure(measures.confusion_matrix(truth, predicted, num_labels=num_labels, weights=weights))

    is_positive = truth[:, None] == np.arange(num_labels)
    return {
        "accuracy": partial(of_matrix, measures.accuracy),
        "macro_f1": partial(of_matrix, measures.macro_f1),
        "micro_f1": partial(of_matrix, measures.accuracy),  # with one label a text, micro F1 is the accuracy
        "mcc": partial(of_matrix, measures.matthews),
        "auroc": mean_auroc(is_positive, probabilities),
        "ece": lambda weights: measures.calibration_error(measures.calibration_bins(confidence, correct, weights)),
    }


def multi_label_report(*, split: str, names: list[str], rows: Rows, show: Show, unseen: list[str]) -> EvaluationReport:
    """Return the report of any number of labels a text, each taken for given from one half on.

    Rows: probabilities (N, C), truth (N, C) of 0 and 1, documents (N,).
    """
    probabilities, documents = rows["probabilities"].astype(np.float64), rows["documents"]
    there, said = rows["truth"] > 0.5, probabilities >= 0.5
    correct, ones = (there == said).all(axis=1), np.ones(len(there))
    table = []
    for label, name in enumerate(names):
        hits = float((there & said)[:, label].sum())
        precision, recall = ratio(hits, said[:, label].sum()), ratio(hits, there[:, label].sum())
        f1 = ratio(2 * hits, said[:, label].sum() + there[:, label].sum())
        area = number(measure_of(there, probabilities, label)(ones))
        table.append([name, int(there[:, label].sum()), precision, recall, f1, area])
    sureness = np.where(said, probabilities, 1 - probabilities)
    wrong = np.argwhere(there != said)
    wrong = wrong[np.argsort(-sureness[tuple(wrong.T)], kind="stable")][:NUM_ERRORS]
    return EvaluationReport(
        split=split,
        num_examples=len(there),
        metrics=bootstrap(
            multi_label_measures(there, said, probabilities), num_examples=len(there), cost=2 * len(names) + 2
        ),
        notes=notes(names, unseen),
        tables=[Table(title="by label", columns=COLUMNS, rows=table)],
        calibration=bins_of(measures.calibration_bins(sureness.ravel(), (there == said).ravel(), np.ones(there.size))),
        errors=[
            example(
                show,
                int(documents[i]),
                names[label] if there[i, label] else f"not {names[label]}",
                names[label] if said[i, label] else f"not {names[label]}",
                float(sureness[i, label]),
            )
            for i, label in wrong
        ],
        curves=[
            error_curve(name, there[:, label], probabilities[:, label])
            for label, name in list(enumerate(names))[:MAX_CURVES]
        ],
        documents=[int(i) for i in documents],
        correct=correct.astype(int).tolist(),
    )


def multi_label_measures(
    there: NDArray[np.bool_], said: NDArray[np.bool_], probabilities: Floats
) -> dict[str, Measure]:
    hits, right = there & said, there == said
    all_right, num_labels = right.all(axis=1), there.shape[1]
    sureness = np.where(said, probabilities, 1 - probabilities)

    def f1(weights: Floats, *, by_label: bool) -> float:
        above, below = 2 * (weights @ hits), weights @ there + weights @ said
        if not by_label:
            return float(above.sum() / below.sum()) if below.sum() else 0.0
        occurs = weights @ there > 0
        return float((above[occurs] / below[occurs]).mean()) if occurs.any() else float("nan")

    def mcc(weights: Floats) -> float:
        """Return that of all decisions together: each label of each text is one."""
        cells = [float((weights @ part).sum()) for part in (hits, said & ~there, there & ~said, right & ~there)]
        return measures.matthews(np.array([[cells[3], cells[1]], [cells[2], cells[0]]]))

    def ece(weights: Floats) -> float:
        each = np.repeat(weights, num_labels)
        return measures.calibration_error(measures.calibration_bins(sureness.ravel(), right.ravel(), each))

    return {
        "accuracy": lambda weights: float((weights @ right).sum() / (weights.sum() * num_labels)),
        "subset_accuracy": lambda weights: float(weights @ all_right / weights.sum()),
        "macro_f1": partial(f1, by_label=True),
        "micro_f1": partial(f1, by_label=False),
        "mcc": mcc,
        "auroc": mean_auroc(there, probabilities),
        "ece": ece,
    }


def mean_auroc(is_positive: NDArray[np.bool_], probabilities: Floats) -> Measure:
    """Return the mean AUROC of the labels, each against all others; those without an example are left out."""
    order = np.argsort(probabilities, axis=0, kind="stable")
    positive, scores = np.take_along_axis(is_positive, order, axis=0), np.take_along_axis(probabilities, order, axis=0)
    areas = measures.aurocs_of_sorted(positive.T, scores.T)

    def measure(weights: Floats) -> float:
        found = areas(weights[order.T])
        return float(np.mean(found[np.isfinite(found)])) if np.isfinite(found).any() else float("nan")

    return measure


def measure_of(is_positive: NDArray[np.bool_], probabilities: Floats, label: int) -> Measure:
    """Return the AUROC of one label, its scores sorted once."""
    order = np.argsort(probabilities[:, label], kind="stable")
    positive, scores = is_positive[order, label], probabilities[order, label]
    return lambda weights: measures.auroc_of_sorted(positive, scores, weights[order])


def label_rows(names: list[str], confusion: Floats, areas: list[float]) -> list[list[Any]]:
    f1 = measures.f1_by_label(confusion)
    rows = []
    for label, name in enumerate(names):
        hits = confusion[label, label]
        precision, recall = ratio(hits, confusion[:, label].sum()), ratio(hits, confusion[label].sum())
        rows.append([name, int(confusion[label].sum()), precision, recall, number(f1[label]), number(areas[label])])
    return rows


def notes(names: list[str], unseen: list[str]) -> list[str]:
    if not unseen:
        return []
    listed = ", ".join(unseen[:10]) + (" …" if len(unseen) > 10 else "")
    return [
        f"{len(unseen)} of {len(names)} labels occur here but not in the training data, so they cannot be told: {listed}."
    ]


def bins_of(bins: Floats) -> list[Bin]:
    return [
        Bin(count=int(count), confidence=float(confidence / count), accuracy=float(right / count))
        for count, confidence, right in bins
        if count
    ]


def example(show: Show, document: int, truth: str, predicted: str, probability: float) -> Example:
    text, source, row = show(document)
    return Example(text=text, truth=truth, predicted=predicted, probability=probability, source=source, row=row)


def ratio(above: Any, below: Any) -> float | None:
    return float(above / below) if below else None


def number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
