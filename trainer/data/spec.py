"""The job that prepares data: sources and a recipe of some kind of data in, a dataset version out.

The canonical JSON of the recipe, the hashes of the sources and the version of the code give the `recipe_hash`: the same
hash means the same result, so that a version already prepared is used again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from trainer.data.kinds import get_data_kind
from trainer.data.recipe import Recipe
from trainer.data.sources import SourceSpec
from trainer.data.steps import StepsRecipe
from trainer.errors import SpecError
from trainer.limits import check_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareSpec:
    """One preparation: sources and recipe in, a dataset version out."""

    sources: list[SourceSpec]
    data_kind: str = "text"
    """Kind of data that is prepared; the recipe is of that kind."""

    recipe: Any = field(default_factory=Recipe)
    tokenizer_path: str = ""
    """Folder of an existing tokenizer to use. Empty: one is learnt from the training split."""

    num_threads: int = 0
    """Processor cores to use; 0: all. The result does not depend on it."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise SpecError("sources is empty; a preparation needs at least one file")
        check_at_least("num_threads", self.num_threads, 0)
        wanted = get_data_kind(self.data_kind).recipe_type
        if not isinstance(self.recipe, wanted):
            raise SpecError(
                f"recipe must be a {wanted.__name__} for data of kind {self.data_kind}, not {type(self.recipe).__name__}"
            )


def recipe_hash(
    sources: Sequence[SourceSpec], recipe: StepsRecipe, *, data_kind: str = "text", tokenizer_sha256: str = ""
) -> str:
    """Return the hash that finds a version already prepared: of contents and choices, not of paths or times.

    Every source must have its sha256, for without it nothing says that its content is the same.
    """
    if missing := [source.display_name for source in sources if not source.sha256]:
        raise SpecError(f"source.sha256 is missing for {', '.join(missing[:3])}; hash the file first")
    digest = hashlib.sha256(f"{get_data_kind(data_kind).code_version}\n{tokenizer_sha256}\n".encode())
    if data_kind != "text":  # versions of text were there before other kinds were
        digest.update(f"{data_kind}\n".encode())
    digest.update(recipe.canonical_json())
    for source in sources:
        plain = msgspec.to_builtins(source)
        plain.pop("path")
        for name in ("entity_column", "group_column", "target_column"):
            if not plain.get(name):
                plain.pop(name, None)  # versions made before there was one keep their hash
        plain["name"] = source.display_name
        digest.update(b"\n" + msgspec.json.encode(plain, order="sorted"))
    return digest.hexdigest()
