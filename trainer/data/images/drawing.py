"""Boxes drawn over pictures, in colours that people of any sight can tell apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Okabe and Ito (2008)."""


def colour_of(label: int) -> str:
    return COLOURS[label % len(COLOURS)]


def draw_box(image: Image.Image, corners: NDArray[np.float64], label: int, *, width: int = 2) -> None:
    """Draw a box into a picture, dark around the colour so that it shows on any ground."""
    left, top, right, bottom = (float(value) for value in corners)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    pen = ImageDraw.Draw(image)
    ink = colour_of(label) if image.mode == "RGB" else 255
    pen.rectangle(
        (left - 1, top - 1, right + 1, bottom + 1), outline="#000" if image.mode == "RGB" else 0, width=width + 2
    )
    pen.rectangle((left, top, right, bottom), outline=ink, width=width)
