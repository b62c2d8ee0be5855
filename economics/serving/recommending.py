"""What recommending costs: a user's vector and its products with the whole catalogue, or every pair weighed by a network."""

from __future__ import annotations

from dataclasses import dataclass

from economics.architecture.recommender import DLRM, Recommender, TwoTower
from economics.constants import DECODE_FRACTION
from economics.errors import InputError
from economics.hardware import Accelerator
from economics.serving.others import example_seconds

BATCH_USERS = 256.0
"""Users who are answered together: the catalogue's vectors are read once for all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecommendingCost:
    """One user's list over the whole catalogue, on one device."""

    seconds: float
    table_bytes: float
    """Tables of embeddings, which must lie in memory whole."""

    index_bytes: float
    """Vectors of the items, for exact search; 0 where pairs are weighed."""

    usd_per_thousand: float | None
    """None where the price of the device is unknown."""


def vector_width(model: Recommender) -> int:
    """Return the width of the vectors that users and items are compared by.

    >>> vector_width(TwoTower(user_rows=(9,), item_rows=(9,), embedding_width=8, tower=(16, 4)))
    4
    """
    return model.tower[-1] if isinstance(model, TwoTower) else model.embedding_width


def recommending_cost(
    model: Recommender,
    accelerator: Accelerator,
    *,
    num_items: int,
    usd_per_hour: float | None = None,
    utilisation: float = 0.3,
    value_bytes: float = 4.0,
    measured_seconds: float | None = None,
) -> RecommendingCost:
    """Return time, memory and cost of recommending to a user from all items.

    Parameters
    ----------
    num_items : items in the catalogue; all are scored
    usd_per_hour : price of the device; None: unknown
    utilisation : share of the time that the device serves, above 0 to 1
    measured_seconds : what a list took on the device; None: it is modelled

    Two towers and SASRec read a user once and multiply with the vector of every item; a DLRM weighs every pair.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> towers = TwoTower(user_rows=(10**6,), item_rows=(10**6,), embedding_width=64, tower=(64,), tied_items=True)
    >>> found = recommending_cost(towers, find_accelerator("a100"), num_items=10**6, usd_per_hour=2.0)
    >>> found.table_bytes
    256000000.0
    >>> 1e-6 < found.usd_per_thousand < 1e-2
    True
    """
    if num_items < 1:
        raise InputError("num_items", num_items, "at least 1")
    if not 0 < utilisation <= 1:
        raise InputError("utilisation", utilisation, "above 0 and at most 1")
    if isinstance(model, DLRM):
        seconds, index_bytes = num_items * example_seconds(model, accelerator), 0.0
    else:
        width = vector_width(model)
        index_bytes = value_bytes * num_items * width
        reading = index_bytes / BATCH_USERS / (accelerator.memory_bytes_per_second * DECODE_FRACTION.value)
        seconds = example_seconds(model, accelerator) + max(
            2.0 * num_items * width / accelerator.ceiling("fp32"), reading
        )
    if measured_seconds:
        seconds = measured_seconds
    usd = None if usd_per_hour is None else 1000.0 * usd_per_hour / 3600.0 * seconds / utilisation
    return RecommendingCost(
        seconds=seconds,
        table_bytes=value_bytes * model.parameters().by_part["tables"],
        index_bytes=index_bytes,
        usd_per_thousand=usd,
    )
