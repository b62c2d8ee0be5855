"""What telling items apart adds to a training step of a recommender: each item taken is told from candidates, drawn or all.

    b examples, L places of each to foretell from (1, or the length of a sequence), S candidates of a micro-batch

Two towers and SASRec multiply b L queries with S vectors, which are made once for all of them; a DLRM weighs each of b (1 + S)
pairs by its whole network.
"""

from __future__ import annotations

from economics.architecture.recommender import DLRM, Recommender, SASRec, dense_weights
from economics.flop.others import flop_per_example

PAIR_PASSES_FORWARD, PAIR_PASSES_BACKWARD = 8.0, 8.0
"""How often scores of pairs stream through memory: less what popularity adds, masked, joined, softmax and its sum."""


def places_of(model: Recommender) -> int:
    """Return from how many places of an example an item is foretold."""
    return model.context_length if isinstance(model, SASRec) else 1


def candidates_of(model: Recommender, micro_batch: float) -> float:
    """Return the candidates of a micro-batch; items of the batch itself are no more than it has.

    >>> from economics.architecture.recommender import TwoTower
    >>> towers = TwoTower(user_rows=(9,), item_rows=(9,), embedding_width=8, tower=(8,), num_candidates=256, in_batch=True)
    >>> candidates_of(towers, 64), candidates_of(towers, 1024)
    (64.0, 256.0)
    """
    most = float(model.num_candidates)
    return min(most, float(micro_batch * places_of(model))) if model.in_batch else most


def candidate_flop_per_example(model: Recommender, micro_batch: float) -> float:
    """Return the forward FLOP that candidates add to one example.

    >>> ranker = DLRM(table_rows=(100,), embedding_width=8, bottom=(2, 8), top=(1,), num_candidates=64)
    >>> candidate_flop_per_example(ranker, 32) / flop_per_example(ranker).total
    64.0
    """
    candidates = candidates_of(model, micro_batch)
    if not candidates:
        return 0.0
    if isinstance(model, DLRM):
        return candidates * flop_per_example(model).total
    if isinstance(model, SASRec):
        return 2.0 * places_of(model) * candidates * model.embedding_width
    made_once = 2.0 * dense_weights(model.widths()[1]) * candidates / micro_batch
    return 2.0 * candidates * model.tower[-1] + made_once


def rows_read(model: Recommender, micro_batch: float) -> float:
    """Return the rows of tables that a micro-batch reads: what its examples are described by, and its candidates.

    >>> rows_read(SASRec(table_rows=(100,), embedding_width=8, num_layers=1, num_heads=1, context_length=50,
    ...                  num_candidates=256), 64)
    6656.0
    """
    candidates = candidates_of(model, micro_batch)
    if isinstance(model, SASRec):
        places = micro_batch * model.context_length
        taken = places if candidates else 0.0  # what was taken is read again, to be told from the others
        return len(model.table_rows) * (places + taken + candidates)
    num_tables = len(model.table_rows) if isinstance(model, DLRM) else len(model.user_rows) + len(model.item_rows)
    of_items = num_tables / 2 if isinstance(model, DLRM) else len(model.item_rows)
    return micro_batch * num_tables * model.rows_per_lookup + candidates * of_items
