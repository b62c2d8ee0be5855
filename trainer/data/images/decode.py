"""One picture: decoded safely, checked, brought to its size, and described by a hash that survives small changes."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from trainer.data.images.recipe import CheckStep, ImageRecipe, ResizeStep

BLANK_DEVIATION = 1.0
"""Grey levels by which pixels must scatter for a picture to show anything."""

SMALL_SIDE = 16
FLAT_LEVELS = 2
"""Neighbouring cells that differ by no more are called flat: compression moves grey levels by one or two."""

DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    zlib.error,
)
"""What Pillow raises at bytes that are no whole picture: its readers of GIF and TIFF fail at whatever a wrong length leads to."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


class BrokenImageError(Exception):
    """The picture cannot be read; says why."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture as a model will see it, and what tells it from others."""

    pixels: NDArray[np.uint8]
    """(side, side, channels)."""

    width: int
    height: int
    """Before it was resized."""

    digest: int
    """First 64 bits of a hash of the pixels."""

    difference_hash: int
    """64 bits: is each of 8 x 8 cells brighter than its right neighbour?"""

    small: NDArray[np.uint8]
    """(16, 16) grey levels."""

    dropped: str = ""
    """Why it does not stay; empty: it stays."""

    num_frames: int = 1
    """Of an animation or a document of several pages; the first is the picture."""


def decode(data: bytes, recipe: ImageRecipe) -> DecodedImage:
    """Return the picture; raise `BrokenImageError` if it cannot be read whole."""
    image = open_image(data, max_pixels=recipe.read.max_pixels)
    mode = "RGB" if recipe.resize.channels == "rgb" else "L"
    try:
        num_frames = getattr(image, "n_frames", 1)
        whole = image.size
        image.draft(
            None, (2 * recipe.resize.side,) * 2
        )  # a JPEG much larger than that is decoded at a half, quarter, eighth
        drafted = image.size
        image = upright(image).convert(mode)
    except DAMAGED as error:
        raise BrokenImageError(f"cut short or damaged ({error})") from error
    width, height = whole if image.size == drafted else whole[::-1]
    resized = resize(image, recipe.resize)
    pixels = np.asarray(resized, dtype=np.uint8).reshape(recipe.resize.side, recipe.resize.side, -1)
    grey = image.convert("L")
    small = np.asarray(grey.resize((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BOX), dtype=np.uint8)
    return DecodedImage(
        pixels=pixels,
        width=width,
        height=height,
        digest=int.from_bytes(hashlib.blake2b(pixels.tobytes(), digest_size=8).digest(), "little"),
        difference_hash=difference_hash(grey),
        small=small,
        dropped=reason_to_drop(width, height, grey, recipe.check) if recipe.check.enabled else "",
        num_frames=num_frames,
    )


def open_image(data: bytes, *, max_pixels: int) -> Image.Image:
    """Open a picture without decoding it; refuse one that claims more pixels than are allowed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; the limit here is our own
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise BrokenImageError("no picture in a form that is known") from None
    except Image.DecompressionBombError:
        raise BrokenImageError(f"it claims more than {max_pixels:,} pixels") from None
    except DAMAGED as error:
        raise BrokenImageError(str(error)) from error
    if image.width * image.height > max_pixels:
        raise BrokenImageError(f"{image.width:,} x {image.height:,} pixels, more than {max_pixels:,}")
    return image


def upright(image: Image.Image) -> Image.Image:
    """Turn the picture as its EXIF data says, and put what is transparent on white."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or (image.mode == "P" and "transparency" in image.info):
        colours = image.convert("RGBA")
        ground = Image.new("RGBA", colours.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, colours).convert("RGB")
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        return in_bytes(np.asarray(image, dtype=np.float64))
    return image


def in_bytes(levels: NDArray[np.float64]) -> Image.Image:
    """Return grey levels of 16 or 32 bits, whole or not, as a picture of bytes.

    What is white is told by the numbers: 1 for fractions, 255 for bytes, 4,095 for 12 bits, 65,535 for 16; beyond, the
    brightest pixel. Black is 0, or the darkest pixel below.
    """
    if not np.isfinite(levels).all():
        raise ValueError("some pixels are not numbers")
    low, high = float(levels.min(initial=0)), float(levels.max(initial=0))
    is_fraction = high <= 1 and bool((levels % 1).any())
    white = 1.0 if is_fraction else next((most for most in (255.0, 4_095.0, 65_535.0) if high <= most), high)
    return Image.fromarray(((levels - low) * (255 / (white - low))).astype(np.uint8))


def resize(image: Image.Image, step: ResizeStep) -> Image.Image:
    """Return the square that a model sees."""
    size, smooth = (step.side, step.side), Image.Resampling.BICUBIC
    if step.method == "stretch":
        return image.resize(size, smooth)
    if step.method == "pad":
        return ImageOps.pad(image, size, smooth, color=(124, 116, 104) if image.mode == "RGB" else 118)
    return ImageOps.fit(image, size, smooth)


def difference_hash(grey: Image.Image) -> int:
    """Return 64 bits that stay nearly the same when a picture is scaled, recompressed or made a little brighter."""
    cells = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = cells[:, 1:] > cells[:, :-1] + FLAT_LEVELS
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def reason_to_drop(width: int, height: int, grey: Image.Image, step: CheckStep) -> str:
    """Return why a picture does not stay; empty if it does."""
    if min(width, height) < step.min_side:
        return "too small"
    if max(width, height) / min(width, height) > step.max_aspect:
        return "too drawn-out"
    if step.drop_blank and float(np.asarray(grey, dtype=np.float32).std()) < BLANK_DEVIATION:
        return "of one colour"
    return ""
