"""Pictures with boxes: things marked in them, for models that find things."""

from __future__ import annotations

from trainer.data.boxes.recipe import BoxRecipe
from trainer.data.kinds import DataKind

KIND = DataKind(
    name="boxes",
    title="Images with boxes",
    summary="A zip or folder of pictures in which things are marked, as COCO JSON or YOLO text files: checked, brought to one "
    "size with their boxes.",
    unit="images",
    recipe_type=BoxRecipe,
    code_version=2,
    prepare="trainer.data.boxes.prepare:run",
    preview="trainer.data.boxes.preview:preview",
    split="trainer.data.images.store:open_split",
    made_up="trainer.data.images.made_up:made_up_boxes",
)
