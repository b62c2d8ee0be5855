"""Images: pictures by class become packed pixels of one size."""

from __future__ import annotations

from trainer.data.images.recipe import ImageRecipe
from trainer.data.kinds import DataKind

KIND = DataKind(
    name="images",
    title="Images",
    summary="A zip or folder of pictures with a folder for each class, or a table of paths and labels: checked, without "
    "duplicates, brought to one size.",
    unit="images",
    recipe_type=ImageRecipe,
    code_version=2,
    prepare="trainer.data.images.prepare:run",
    preview="trainer.data.images.preview:preview",
    made_up="trainer.data.images.made_up:made_up_images",
    split="trainer.data.images.store:open_split",
    endings=(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
)
