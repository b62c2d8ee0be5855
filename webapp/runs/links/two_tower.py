"""Two towers as the architecture that economics counts."""

from __future__ import annotations

from economics.architecture.recommender import TwoTower
from trainer.models.two_tower.spec import TwoTowerSpec
from webapp.runs.architectures import Facts, Link, learning_of, ranking_work


def to_architecture(model: TwoTowerSpec, facts: Facts) -> TwoTower:
    """Return the towers for a catalogue of that size; a table of features is there where the data has any."""
    items, of_users, of_items = (
        int(facts.get(f"num_{name}") or 0) for name in ("items", "user_features", "item_features")
    )
    user_rows = (items, of_users) if of_users else (items,)
    item_rows = (items, of_items) if of_items else (items,)
    num_tables = len(user_rows) + len(item_rows)
    return TwoTower(
        user_rows=user_rows,
        item_rows=item_rows,
        embedding_width=model.embedding_width,
        tower=model.tower,
        tied_items=model.tied_items,
        rows_per_lookup=(model.max_history + num_tables - 1) / num_tables,
        **learning_of(model, facts),
    )


LINK = Link(to_architecture=to_architecture, needs=("num_items",), measuring_work=ranking_work)
