"""Pictures of noise, for steps that are timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.kinds import MadeUp

SIDE, NUM_IMAGES, NUM_CLASSES = 64, 256, 10
"""The side is the one that recipes have by default."""


class MadeUpImages:
    """Noise with classes in turn: enough for any family of images to make a batch of."""

    name = "train"
    num_tokens = 0
    num_documents = NUM_IMAGES
    num_channels = 3

    side = SIDE

    def __init__(self) -> None:
        self.label_ids = np.arange(NUM_IMAGES, dtype=np.int32) % NUM_CLASSES
        shape = (NUM_IMAGES, SIDE, SIDE, 3)
        self.pixels: NDArray[np.uint8] = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)

    def boxes_of(self, number: int) -> NDArray[np.float32]:
        return np.array([[8, 8, 40, 40, number % 3, 0]], np.float32)

    def read(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.pixels[numbers]


def made_up_boxes(_folder: Path) -> MadeUp:
    """Return pictures with a box each, of three labels."""
    facts = {"side": SIDE, "num_channels": 3, "mean": [0.5] * 3, "deviation": [0.25] * 3, "method": "pad"}
    return MadeUp(split=MadeUpImages(), label_names=("a", "b", "c"), facts=facts)


def made_up_images(_folder: Path) -> MadeUp:
    """Return pictures in ten classes."""
    facts = {"side": SIDE, "num_channels": 3, "mean": [0.5] * 3, "deviation": [0.25] * 3}
    return MadeUp(split=MadeUpImages(), label_names=tuple("0123456789"), facts=facts)
