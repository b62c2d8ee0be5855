"""The recipe for images: what is done to them, step by step. Field docstrings are the help text of the form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from trainer.data.fractions import check_fractions
from trainer.data.steps import StepsRecipe
from trainer.errors import SpecError
from trainer.limits import check_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadStep:
    """Open pictures: JPEG, PNG, WebP, GIF, BMP, TIFF. Turned as their EXIF data says, all other EXIF data is dropped."""

    max_broken_images: int = 100
    """Broken pictures that are skipped and counted; one more ends the preparation. 0: none allowed."""

    max_pixels: int = 64_000_000
    """Largest picture. A small file that claims more is a bomb, and is refused before it is unpacked."""

    def __post_init__(self) -> None:
        check_at_least("read.max_broken_images", self.max_broken_images, 0)
        if not 1_024 <= self.max_pixels <= 178_000_000:
            raise SpecError(f"read.max_pixels is {self.max_pixels}; it must be from 1,024 to 178,000,000")


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckStep:
    """Drop pictures that a model should not learn from."""

    enabled: bool = True
    """Off: every picture that can be opened stays."""

    min_side: int = 8
    """Shortest side in pixels; smaller pictures are dropped."""

    max_aspect: float = 10.0
    """Longest side over shortest side; more drawn-out pictures are dropped."""

    drop_blank: bool = True
    """Drop pictures of one colour."""

    def __post_init__(self) -> None:
        check_at_least("check.min_side", self.min_side, 1)
        check_at_least("check.max_aspect", self.max_aspect, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicatesStep:
    """Find pictures that are the same, or nearly: a difference hash finds candidates, their small copies decide."""

    exact: bool = True
    """Remove pictures whose pixels are the same; the first one stays."""

    near: bool = True
    """Remove all but the first of pictures that are nearly the same. Off: they stay, and never land in different splits."""

    max_bits: int = 3
    """Bits of the 64-bit difference hash in which two pictures may differ and still be looked at."""

    max_difference: float = 3.0
    """Mean difference of grey levels (0 to 255) of their 16 x 16 copies, up to which two pictures count as nearly the same."""

    def __post_init__(self) -> None:
        if not 0 <= self.max_bits <= 7:
            raise SpecError(f"duplicates.max_bits is {self.max_bits}; it must be from 0 to 7")
        if not 0 <= self.max_difference <= 64:
            raise SpecError(f"duplicates.max_difference is {self.max_difference}; it must be from 0 to 64")


@dataclass(frozen=True, kw_only=True, slots=True)
class ResizeStep:
    """Bring every picture to one size, once, so that no epoch has to do it again."""

    side: int = 64
    """Side of the square that the model sees, in pixels."""

    method: Literal["crop", "pad", "stretch"] = "crop"
    """crop: fill the square and cut what sticks out. pad: fit in and fill with grey. stretch: distort."""

    channels: Literal["rgb", "grey"] = "rgb"
    """Colours, or grey levels: a third of the memory."""

    def __post_init__(self) -> None:
        if not 8 <= self.side <= 1_024:
            raise SpecError(f"resize.side is {self.side}; it must be from 8 to 1,024")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSplitStep:
    """Divide into train, validation and test by a hash of the picture: nearly the same ones never cross."""

    validation_fraction: float = 0.1
    """Share for validation during training."""

    test_fraction: float = 0.1
    """Share for the one test at the end."""

    keep_given: bool = True
    """Where all pictures lie in folders called train, val or test, they stay so divided; a part without is drawn from train."""

    seed: int = 1
    """Another seed divides differently."""

    def __post_init__(self) -> None:
        check_fractions(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRecipe(StepsRecipe):
    """What is done to the pictures, in this order."""

    read: ReadStep = field(default_factory=ReadStep)
    check: CheckStep = field(default_factory=CheckStep)
    duplicates: DuplicatesStep = field(default_factory=DuplicatesStep)
    resize: ResizeStep = field(default_factory=ResizeStep)
    split: ImageSplitStep = field(default_factory=ImageSplitStep)

    @property
    def num_channels(self) -> int:
        return 3 if self.resize.channels == "rgb" else 1
