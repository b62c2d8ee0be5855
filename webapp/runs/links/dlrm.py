"""DLRM-like rankers as the architecture that economics counts."""

from __future__ import annotations

from economics.architecture.recommender import DLRM
from trainer.models.dlrm.spec import DlrmSpec
from webapp.runs.architectures import Facts, Link, learning_of, ranking_work


def to_architecture(model: DlrmSpec, facts: Facts) -> DLRM:
    """Return the ranker for a catalogue of that size; a table of features is there where the data has any."""
    items, of_users, of_items = (
        int(facts.get(f"num_{name}") or 0) for name in ("items", "user_features", "item_features")
    )
    rows = (items, items, *filter(None, (of_users, of_items)))
    return DLRM(
        table_rows=rows,
        embedding_width=model.embedding_width,
        bottom=model.bottom,
        top=model.top,
        num_tied_tables=int(model.tied_items),
        rows_per_lookup=(model.max_history + len(rows) - 1) / len(rows),
        **learning_of(model, facts),
    )


LINK = Link(to_architecture=to_architecture, needs=("num_items",), measuring_work=ranking_work)
