"""Prepare a version of pictures with boxes: as images are, read with what is marked in them."""

from __future__ import annotations

from typing import Any

from trainer.data.boxes.reading import read_boxed_images
from trainer.data.images import prepare
from trainer.data.spec import PrepareSpec
from trainer.events import Finished, Stopped


def run(spec: PrepareSpec, context: Any) -> Finished | Stopped:
    """Do a job of kind `prepare` for pictures with boxes."""
    return prepare.run(spec, context, reader=read_boxed_images)
