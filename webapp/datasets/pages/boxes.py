"""How images with boxes look on the data pages: as images do, with words of their own."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext_lazy as _

from trainer.data.boxes.recipe import BoxRecipe
from trainer.data.images.recipe import ResizeStep
from webapp.datasets.pages import Preset
from webapp.datasets.pages.images import PAGES as IMAGES

PAGES = replace(
    IMAGES,
    kind="boxes",
    title=_("Images with boxes"),
    summary=_("A zip of pictures in which things are marked, as COCO JSON or YOLO text files"),
    formats=_("zip of pictures with a COCO JSON file, or with YOLO text files and data.yaml or classes.txt"),
    presets=[
        Preset(
            name="photos",
            title=_("Photographs"),
            summary=_("256 pixels a side, in colour, the whole picture"),
            recipe=BoxRecipe(),
        ),
        Preset(
            name="detailed",
            title=_("Photographs, in detail"),
            summary=_("512 pixels: finds smaller things; best with a graphics processor"),
            recipe=BoxRecipe(resize=ResizeStep(side=512, method="pad")),
        ),
        Preset(
            name="small",
            title=_("Small pictures"),
            summary=_("128 pixels: learns in minutes on a processor"),
            recipe=BoxRecipe(resize=ResizeStep(side=128, method="pad")),
        ),
    ],
)
