"""A DLRM made narrower: all its vectors lose the same numbers, for each is multiplied with every other; then hidden neurons."""

from __future__ import annotations

import torch

from trainer.models.cutting import strongest
from trainer.models.dlrm.spec import DlrmSpec
from trainer.models.narrowing import (
    Weights,
    column_norms,
    keep_columns,
    keep_rows,
    require_narrower,
    row_norms,
    together,
)
from trainer.recommend.cutting import cut_hidden, layers_of


def cut(weights: Weights, before: DlrmSpec, after: DlrmSpec) -> Weights:
    """Return the weights of a narrower model; raise `SpecError` where it is not narrower."""
    require_narrower(before, after, ("embedding_width", "top_width", "bottom_width"))
    found = dict(weights)
    tables = [name.removesuffix(".weight") for name in found if name.endswith("_embedding.weight")]
    bottom, top = layers_of(found, "bottom")[-1], layers_of(found, "top")[0]
    norms = [column_norms(found[f"{table}.weight"]) / len(found[f"{table}.weight"]) ** 0.5 for table in tables]
    kept = strongest(together([*norms, row_norms(found[f"{bottom}.weight"])]), after.embedding_width)
    for table in tables:
        keep_columns(found, table, kept)
    keep_rows(found, bottom, kept)
    num_products = found[f"{top}.weight"].size(1) - before.embedding_width  # read before the bottom's own numbers
    keep_columns(found, top, torch.cat([torch.arange(num_products), kept + num_products]))
    cut_hidden(found, "bottom", after.bottom_width)
    cut_hidden(found, "top", after.top_width)
    return found
