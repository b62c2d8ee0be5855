"""Pictures varied at random with their boxes: mirrored, scaled and moved, coloured.

All randomness comes from torch's own generators, so that a resumed run goes on exactly. Boxes are (B, M, 4) in pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from trainer.models.detect.spec import DetectSpec
from trainer.models.vision.augment import colour

LEAST_SIDE = 2.0
"""Pixels; a box that was cut to less is dropped."""

LEAST_VISIBLE = 0.3


def vary(pictures: Tensor, boxes: Tensor, spec: DetectSpec) -> tuple[Tensor, Tensor]:
    """Return pictures (B, C, S, S) and their boxes; boxes that were cut away are empty."""
    if spec.flip:
        mirrored = torch.rand(len(pictures), device=pictures.device) < 0.5
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
        boxes = torch.where(mirrored[:, None, None], mirror(boxes, pictures.size(3)), boxes)
    if spec.scale_fraction:
        pictures, boxes = rescale(pictures, boxes, spec.scale_fraction)
    if spec.colour_fraction:
        pictures = colour(pictures, spec.colour_fraction)
    return pictures, boxes


def mirror(boxes: Tensor, side: int) -> Tensor:
    """Return boxes as they lie in the mirrored picture."""
    return torch.stack([side - boxes[..., 2], boxes[..., 1], side - boxes[..., 0], boxes[..., 3]], dim=-1)


def rescale(pictures: Tensor, boxes: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Enlarge or shrink each picture by up to `fraction` and move it; what comes in at the border repeats the border."""
    B, _, side, _ = pictures.shape
    factor = 1 + fraction * (2 * torch.rand(B, 1, device=pictures.device) - 1)
    offset = fraction * (2 * torch.rand(B, 2, device=pictures.device) - 1) / 2  # of the side
    zeros = torch.zeros_like(factor)
    rows = [torch.cat([1 / factor, zeros, -2 * offset[:, :1] / factor], 1),
            torch.cat([zeros, 1 / factor, -2 * offset[:, 1:] / factor], 1)]  # fmt: skip
    grid = F.affine_grid(torch.stack(rows, 1), list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures, grid.to(pictures.dtype), padding_mode="border", align_corners=False)
    middle = side / 2
    shifted = (boxes - middle) * factor[:, :, None] + middle + (offset * side).repeat(1, 2)[:, None]
    return moved, cut(shifted, side)


def cut(boxes: Tensor, side: int) -> Tensor:
    """Cut boxes at the picture's border; those of which too little is left become empty."""
    inside = boxes.clamp(0, side)
    sides, whole = inside[..., 2:] - inside[..., :2], boxes[..., 2:] - boxes[..., :2]
    is_seen = (sides.amin(-1) >= LEAST_SIDE) & (sides.prod(-1) >= LEAST_VISIBLE * whole.prod(-1))
    return torch.where(is_seen[..., None], inside, torch.zeros_like(inside))
