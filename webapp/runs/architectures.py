"""Where families of models meet economics: which architecture a family's settings describe, and the way back.

Each family has a module in `webapp/runs/links/`, named after it, with its `LINK`. A family without one trains all the
same; what economics would say of it is unknown until the trainer has counted.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from economics.architecture import Decoder


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """How a family's settings become an architecture, and an architecture that was made to fit becomes settings."""

    to_decoder: Callable[[Any, int], Decoder]
    """(settings, size of the vocabulary) -> the layers whose time and memory economics tells."""

    to_settings: Callable[[Decoder, Any], Any] | None = None
    """(architecture, settings that were asked for) -> settings of that size; None: sizes are not searched."""

    count: Callable[[Any, int], int] | None = None
    """(settings, size of the vocabulary) -> exact number of parameters, where it is not that of the decoder."""


@cache
def link_of(family: str) -> Link | None:
    """Return the link of a family; None where it has none."""
    import webapp.runs.links as links

    if family not in {module.name for module in pkgutil.iter_modules(links.__path__)}:
        return None
    found: Link = importlib.import_module(f"{links.__name__}.{family}").LINK
    return found


def decoder_of(family: str, model: Any, vocab_size: int | None) -> Decoder | None:
    """Return the architecture that the settings describe; None where economics does not know the family."""
    link = link_of(family)
    return link.to_decoder(model, vocab_size) if link and vocab_size else None


def num_parameters_of(family: str, model: Any, vocab_size: int | None) -> int | None:
    """Return how many parameters a model of these settings has; None where economics does not know the family."""
    link = link_of(family)
    if link is None or not vocab_size:
        return None
    return link.count(model, vocab_size) if link.count else link.to_decoder(model, vocab_size).parameters().total
