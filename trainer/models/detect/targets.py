"""What each place is to say: which box is its own, if any (Tian et al. 2019), and the loss of what it said.

A place learns the smallest box that holds it near its middle and whose size suits the level: its farthest side lies between
4 and 8 strides away, with nothing too small for the finest level and nothing too large for the coarsest.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from trainer.models.detect.boxes import area, giou

RADIUS = 1.5
"""Strides around the middle of a box within which places learn it."""

FARTHEST = 8.0
"""Strides to the farthest side of a box that a level is for; the level below ends at half of that."""

FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
NOTHING = -1


def assign(places: Tensor, strides: Tensor, boxes: Tensor, counts: Tensor) -> Tensor:
    """Return for each place (B, N) the number of its box among those of its picture, -1 for none.

    `boxes` is (B, M, 4), of which the first `counts` (B,) of each picture are meant.
    """
    x, y = places[:, 0, None], places[:, 1, None]  # (N, 1) each
    left, top, right, bottom = (boxes[:, None, :, i] for i in range(4))  # (B, 1, M) each
    sides = torch.stack([x - left, y - top, right - x, bottom - y], dim=-1)  # (B, N, M, 4)
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    reach = RADIUS * strides[:, None]
    is_near = torch.maximum((x - middle_x).abs(), (y - middle_y).abs()) < reach
    farthest = sides.amax(dim=-1)
    low = torch.where(strides == strides.min(), 0.0, strides * FARTHEST / 2)[:, None]
    high = torch.where(strides == strides.max(), torch.inf, strides * FARTHEST)[:, None]
    is_real = torch.arange(boxes.size(1), device=boxes.device) < counts[:, None]  # (B, M)
    suits = (sides.amin(dim=-1) > 0) & is_near & (farthest > low) & (farthest <= high) & is_real[:, None]
    sizes = torch.where(suits, area(boxes)[:, None], torch.inf)  # (B, N, M)
    smallest, number = sizes.min(dim=2)
    return torch.where(smallest.isfinite(), number, NOTHING)


def centreness_of(places: Tensor, boxes: Tensor) -> Tensor:
    """Return (P,) from 0 at the border of its box to 1 in its middle, of places (P, 2) in boxes (P, 4)."""
    near = torch.cat([places - boxes[:, :2], boxes[:, 2:] - places], dim=1)
    across, down = near[:, [0, 2]], near[:, [1, 3]]
    ratio = across.amin(1) / across.amax(1).clamp(min=1e-6) * down.amin(1) / down.amax(1).clamp(min=1e-6)
    return ratio.clamp(min=0).sqrt()


def focal(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the summed focal loss of logits and targets (..., K): what is already sure counts little."""
    loss = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    sure = torch.exp(-loss)
    weight = FOCAL_ALPHA * targets + (1 - FOCAL_ALPHA) * (1 - targets)
    return (weight * (1 - sure) ** FOCAL_GAMMA * loss).sum()


def taught_loss(
    told: tuple[Tensor, Tensor, Tensor], taught: tuple[Tensor, Tensor, Tensor], temperature: float
) -> Tensor:
    """Return how far a detector's answers are from its teacher's: logits (B, N, K), boxes (B, N, 4), centre-ness (B, N).

    Classes by cross-entropy weighted by the square of the gap (Li et al. 2020, arXiv 2006.04388), both softened by the
    temperature; boxes and centre-ness only as far as the teacher is sure that something is there.
    """
    (logits, boxes, central), (their_logits, their_boxes, their_central) = told, taught
    sure = their_logits.sigmoid().amax(dim=-1).square()  # (B, N)
    total = sure.sum().clamp(min=1e-6)
    softened, wanted = logits / temperature, (their_logits / temperature).sigmoid()
    gap = (softened.sigmoid() - wanted).square()
    classes = (gap * F.binary_cross_entropy_with_logits(softened, wanted, reduction="none")).sum() * temperature**2
    apart = (1 - giou(boxes, their_boxes)) * sure
    middle = F.binary_cross_entropy_with_logits(central, their_central.sigmoid(), reduction="none") * sure
    return (classes + apart.sum() + middle.sum()) / total


def detection_loss(
    logits: Tensor, found: Tensor, centreness: Tensor, *, places: Tensor, strides: Tensor, boxes: Tensor, labels: Tensor,
    counts: Tensor, ignored: Tensor,
) -> Tensor:  # fmt: skip
    """Return the loss over a batch: focal for classes, GIoU for boxes, cross-entropy for centre-ness, a positive place each.

    `labels` is (B, M) beside `boxes` (B, M, 4); `ignored` (B, N) marks places inside crowds, which learn nothing.
    """
    own = assign(places, strides, boxes, counts)  # (B, N)
    picture, place = (own != NOTHING).nonzero(as_tuple=True)
    mine = own[picture, place]
    targets = torch.zeros_like(logits)
    targets[picture, place, labels[picture, mine]] = 1.0
    weight = (~ignored | (own != NOTHING))[..., None].to(logits.dtype)
    num_own = max(len(picture), 1)
    loss = focal(logits * weight - (1 - weight) * 1e4, targets) / num_own
    if not len(picture):
        return loss + 0.0 * (found.sum() + centreness.sum())
    wanted = boxes[picture, mine]
    central = centreness_of(places[place], wanted)
    overlap = giou(found[picture, place], wanted)
    loss = loss + ((1 - overlap) * central).sum() / central.sum().clamp(min=1e-6)
    return loss + F.binary_cross_entropy_with_logits(centreness[picture, place], central)
