"""Where families of models meet economics: which architecture a family's settings describe, and the way back.

Each family has a module in `webapp/runs/links/`, named after it, with its `LINK`. A family without one trains all the
same; what economics would say of it is unknown until the trainer has counted.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from economics.architecture import Architecture, Decoder
from trainer.recommend.spec import RecommenderSpec, wants_sparse

Facts = Mapping[str, Any]
"""What is known of prepared data (`DatasetVersion.model_facts`): `vocab_size`, `num_labels`, what its kind tells, and
`part_lengths`, how long its documents are."""

Sides = Sequence[Sequence[int]]
"""Lengths of some documents: of each as a whole, or of source and target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """How a family's settings become an architecture, and an architecture that was made to fit becomes settings."""

    to_architecture: Callable[[Any, Facts], Architecture]
    """(settings, facts of the data) -> the layers whose time and memory economics tells."""

    needs: tuple[str, ...] = ("vocab_size",)
    """Facts of the data without which nothing can be told."""

    to_settings: Callable[[Decoder, Any], Any] | None = None
    """(architecture, settings that were asked for) -> settings of that size; None: sizes are not searched."""

    count: Callable[[Any, Facts], int] | None = None
    """(settings, facts of the data) -> exact number of parameters, where it is not that of the architecture."""

    measuring_work: Callable[[Any, Facts], float] | None = None
    """(settings, facts of the data) -> what the time to measure one example goes with; None: the FLOP of an example."""

    document_lengths: Callable[[Any, Facts], Sides] | None = None
    """(settings, facts of the data) -> where an example is a document, filled up to the longest of its batch: tokens of
    some documents as they are read, for each side that a model has; None, or no sides: examples are full windows."""


def ranking_work(model: Any, facts: Facts) -> float:
    """Return what it takes to measure a recommender on one user: the whole catalogue is ranked."""
    return float(facts["num_items"] * model.embedding_width)


def learning_of(model: RecommenderSpec, facts: Facts) -> dict[str, Any]:
    """Return how a recommender learns, as economics knows it: what items are told apart from, how tables are updated."""
    num_items = int(facts.get("num_items") or 0)
    in_batch = model.negatives == "in_batch"
    tells_all = model.negatives == "all" or (not in_batch and num_items <= model.num_negatives)
    return {
        "num_candidates": num_items if tells_all else model.num_negatives,
        "in_batch": in_batch,
        "table_optimizer": "sparse" if wants_sparse(model.sparse_tables, num_items) else "whole",
    }


@cache
def link_of(family: str) -> Link | None:
    """Return the link of a family; None where it has none."""
    import webapp.runs.links as links

    if family not in {module.name for module in pkgutil.iter_modules(links.__path__)}:
        return None
    found: Link = importlib.import_module(f"{links.__name__}.{family}").LINK
    return found


def architecture_of(family: str, model: Any, facts: Facts) -> Architecture | None:
    """Return the architecture that the settings describe on such data; None where economics does not know the family."""
    link = _usable(family, facts)
    return link.to_architecture(model, facts) if link else None


def decoder_of(family: str, model: Any, facts: Facts) -> Decoder | None:
    """Return the architecture where it is a decoder, which scaling laws and searched sizes are about."""
    found = architecture_of(family, model, facts)
    return found if isinstance(found, Decoder) else None


def num_parameters_of(family: str, model: Any, facts: Facts) -> int | None:
    """Return how many parameters a model of these settings has; None where economics does not know the family."""
    link = _usable(family, facts)
    if link is None:
        return None
    return link.count(model, facts) if link.count else link.to_architecture(model, facts).parameters().total


def _usable(family: str, facts: Facts) -> Link | None:
    """Return the link of a family where all is known that it needs of the data."""
    link = link_of(family)
    return link if link and all(facts.get(name) for name in link.needs) else None
