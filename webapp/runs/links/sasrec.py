"""SASRec as the architecture that economics counts. An example is a user's sequence."""

from __future__ import annotations

from economics.architecture.recommender import SASRec
from trainer.models.sasrec.spec import SasrecSpec
from webapp.runs.architectures import Facts, Link, learning_of, ranking_work


def to_architecture(model: SasrecSpec, facts: Facts) -> SASRec:
    """Return the layers for a catalogue of that size; features of items are added to their embeddings."""
    items, of_items = int(facts["num_items"]), int(facts.get("num_item_features") or 0)
    return SASRec(
        table_rows=(items, of_items) if of_items else (items,),
        embedding_width=model.embedding_width,
        num_layers=model.num_layers,
        num_heads=model.num_heads,
        context_length=model.max_history,
        feed_forward_width=model.feed_forward_width,
        **learning_of(model, facts),
    )


LINK = Link(to_architecture=to_architecture, needs=("num_items",), measuring_work=ranking_work)
