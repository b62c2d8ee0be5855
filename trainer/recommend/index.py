"""Vectors of items and users, and an index that finds the nearest items without looking at all (HNSW, by usearch).

embeddings.safetensors   items (N, D), and users (U, D) where the data is there
users.jsonl              name of each of those users, a line each
items.usearch            the index; a key is a line of assets items.jsonl, from 0
index.json               how to use it, and how much of the exact answer it finds
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from trainer.data.interactions.store import USERS
from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.recommend.model import VectorRecommender
from trainer.recommend.profile import Profiles

EMBEDDINGS, INDEX, ABOUT_INDEX = "embeddings.safetensors", "items.usearch", "index.json"
CONNECTIVITY = 16
EXPANSION_ADD = 200
EXPANSIONS = (64, 128, 256, 512, 1_024)
"""How many candidates a search looks at: the first that finds enough of the exact answer is chosen."""

WANTED_RECALL = 0.99
PLACES = 10
NUM_QUERIES = 1_000

Floats = NDArray[np.float32]


@torch.inference_mode()
def write_vectors(loaded: LoadedModel, folder: Path) -> dict[str, Any]:
    """Write vectors and index into a folder; return what index.json says. Raises `InputError` for a model without vectors."""
    model = loaded.model
    if not isinstance(model, VectorRecommender):
        raise InputError("this model has no vectors of its own for items; it weighs pairs, so there is no index of it")
    items = contiguous(model.all_item_vectors().float().cpu().numpy())
    vectors = {"items": items}
    profiles = Profiles(loaded)
    users = None
    if profiles.split is not None:
        users = vectors["users"] = contiguous(profiles.raw_user_points().cpu().numpy())
        (folder / USERS).write_bytes(b"".join(msgspec.json.encode(name) + b"\n" for name in profiles.split.user_names))
    save_file(vectors, folder / EMBEDDINGS)
    queries = users if users is not None else items
    chosen = queries[np.linspace(0, len(queries) - 1, min(NUM_QUERIES, len(queries))).astype(np.int64)]
    about = build_index(items, chosen, folder / INDEX)
    (folder / ABOUT_INDEX).write_bytes(msgspec.json.format(msgspec.json.encode(about)))
    return about


def build_index(items: Floats, queries: Floats, path: Path) -> dict[str, Any]:
    """Write the index of items; return its settings with the recall of its first ten against exact search."""
    from usearch.index import Index

    index = Index(ndim=items.shape[1], metric="ip", dtype="f32", connectivity=CONNECTIVITY, expansion_add=EXPANSION_ADD)
    index.add(np.arange(len(items)), items, threads=1)  # one thread: the same items give the same index
    places = min(PLACES, len(items))
    scores = queries @ items.T
    exact = np.argpartition(-scores, places - 1, axis=1)[:, :places]
    for expansion in EXPANSIONS:
        index.expansion_search = expansion  # type: ignore[misc]  # its stubs lack the setter
        found = index.search(queries, places, threads=1).keys.reshape(len(queries), -1)
        recall = recall_of(found, exact)
        if recall >= WANTED_RECALL:
            break
    index.save(str(path))
    return {
        "library": "usearch", "metric": "ip", "dtype": "f32", "dimensions": int(items.shape[1]), "items": len(items),
        "expansion_search": expansion, f"recall_at_{PLACES}": round(recall, 4), "queries": len(queries),
    }  # fmt: skip


def recall_of(found: NDArray[Any], exact: NDArray[Any]) -> float:
    """Return the share of the exact answers that was found."""
    hits = [len(set(a.tolist()) & set(b.tolist())) for a, b in zip(found, exact, strict=True)]
    return sum(hits) / max(exact.size, 1)


def contiguous(array: NDArray[Any]) -> Floats:
    return np.ascontiguousarray(array, np.float32)
