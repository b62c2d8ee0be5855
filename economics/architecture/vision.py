"""The Vision Transformer: patches of an image as tokens."""

from __future__ import annotations

from dataclasses import dataclass

from economics.architecture.base import Parameters
from economics.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class VisionTransformer:
    """A classifier of images: 3 p² d + d for the patches, (n + 1) d positions, d for the class token, the layers of
    an encoder, a last norm, and a head of d C + C (Dosovitskiy et al. 2020, arXiv 2010.11929).

    >>> VisionTransformer(num_layers=12, model_width=768, num_heads=12, patch_size=16).parameters().total
    86567656
    """

    num_layers: int
    model_width: int
    num_heads: int
    patch_size: int
    feed_forward_width: int = 0
    image_size: int = 224
    num_channels: int = 3
    num_classes: int = 1000
    """0: no head."""
    qkv_bias: bool = True
    pooler: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size:
            raise InputError("patch_size", self.patch_size, f"a divisor of image_size ({self.image_size})")

    @property
    def kind(self) -> str:
        """Always vision-transformer."""
        return "vision-transformer"

    @property
    def feed_forward(self) -> int:
        """Inner width, resolved."""
        return self.feed_forward_width or 4 * self.model_width

    @property
    def num_tokens(self) -> int:
        """Patches of one image, and the class token."""
        return (self.image_size // self.patch_size) ** 2 + 1

    @property
    def layer_matmul(self) -> int:
        """Parameters in a layer's matrices."""
        return 4 * self.model_width**2 + 2 * self.model_width * self.feed_forward

    @property
    def patch_matmul(self) -> int:
        """Parameters that turn a patch into a token."""
        return self.num_channels * self.patch_size**2 * self.model_width

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        d, f, n = self.model_width, self.feed_forward, self.num_layers
        parts = {
            "patches": self.patch_matmul + d,
            "positions": self.num_tokens * d + d,
            "attention": n * (4 * d * d + (4 if self.qkv_bias else 1) * d),
            "feed_forward": n * (2 * d * f + f + d),
            "norms": (2 * n + 1) * 2 * d,
            "pooler": d * d + d if self.pooler else 0,
            "output_head": d * self.num_classes + self.num_classes,
        }
        parts = {name: count for name, count in parts.items() if count}
        matmul = n * self.layer_matmul + self.patch_matmul + d * self.num_classes
        return Parameters(by_part=parts, active_by_part=dict(parts), matmul=matmul, active_matmul=matmul)
