"""Sixth step: train, validation and test by a hash of the near-duplicate cluster, so that a duplicate never crosses.

A cluster's key is the smallest content hash in it: the split depends on what the documents say and on the seed, not on
the order they came in. Documents are spread evenly by the hash; their shares of the bytes vary with their lengths.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from trainer.data.recipe import SplitStep
from trainer.data.spool import Spool

TRAIN, VALIDATION, TEST = 0, 1, 2


def assign_splits(spool: Spool, roots: NDArray[np.int32], step: SplitStep) -> NDArray[np.uint8]:
    """Return the split of each document. A split that was asked for gets at least one cluster, if there are enough."""
    roots = joined_with_groups(spool, roots)
    keys = np.full(spool.num_documents, np.iinfo(np.uint64).max, np.uint64)
    for start, records in spool.windows():
        np.minimum.at(keys, roots[start : start + len(records)], records["hash_high"])
    return split_of_keys(keys, roots, step)


def joined_with_groups(spool: Spool, roots: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the roots of clusters that hold whole groups too: what shares a group with a duplicate goes with it."""
    groups = np.concatenate([records["group"] for _, records in spool.windows()] or [np.empty(0, np.uint64)])
    members = np.flatnonzero(groups)
    if not len(members):
        return roots
    _, first, group = np.unique(groups[members], return_index=True, return_inverse=True)
    everyone = np.arange(len(roots))
    begins, ends = np.concatenate([everyone, members]), np.concatenate([roots, members[first][group]])
    graph = coo_array((np.ones(len(begins), np.int8), (begins, ends)), shape=(len(roots), len(roots)))
    _, component = connected_components(graph, directed=False)
    _, leaders = np.unique(component, return_index=True)  # the first document of each
    joined: NDArray[np.int32] = leaders[component].astype(np.int32)
    return joined


def split_of_keys(keys: NDArray[np.uint64], roots: NDArray[np.int32], step: SplitStep) -> NDArray[np.uint8]:
    """Return the split of each document from the keys of the clusters, which lie at their roots."""
    is_root = roots == np.arange(len(roots))
    place = mixed(keys, step.seed)
    first_test = _fraction_of_range(step.validation_fraction)
    first_train = _fraction_of_range(step.validation_fraction + step.test_fraction)
    split = np.full(len(keys), TRAIN, np.uint8)
    split[place < first_train] = TEST
    split[place < first_test] = VALIDATION
    for wanted, fraction in ((VALIDATION, step.validation_fraction), (TEST, step.test_fraction)):
        left = np.flatnonzero(is_root & (split == TRAIN))
        if fraction > 0 and len(left) > 1 and not np.any(is_root & (split == wanted)):
            split[left[np.argmin(place[left])]] = wanted
    return split[roots]


def mixed(values: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Return the values spread evenly over all 64-bit numbers, differently for each seed (the finaliser of SplitMix64)."""
    result = values + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x1234567) & 0xFFFFFFFFFFFFFFFF)
    result ^= result >> np.uint64(30)
    result *= np.uint64(0xBF58476D1CE4E5B9)
    result ^= result >> np.uint64(27)
    result *= np.uint64(0x94D049BB133111EB)
    result ^= result >> np.uint64(31)
    return result


def _fraction_of_range(fraction: float) -> np.uint64:
    return np.uint64(min(int(fraction * 2.0**64), 0xFFFFFFFFFFFFFFFF))
