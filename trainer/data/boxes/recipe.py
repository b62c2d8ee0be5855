"""The recipe for pictures with boxes: that for images, with the whole picture kept by default."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainer.data.images.recipe import DuplicatesStep, ImageRecipe, ReadStep, ResizeStep


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxRecipe(ImageRecipe):
    """What is done to the pictures, in this order; boxes move with them. Bad boxes count as broken pictures do."""

    read: ReadStep = field(default_factory=ReadStep)
    duplicates: DuplicatesStep = field(default_factory=lambda: DuplicatesStep(near=False))
    resize: ResizeStep = field(default_factory=lambda: ResizeStep(side=256, method="pad"))
