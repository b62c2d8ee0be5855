"""Boxes as tensors: left, top, right, bottom in pixels. Overlaps, GIoU, and the suppression of what was found twice."""

from __future__ import annotations

import torch
from torch import Tensor


def area(boxes: Tensor) -> Tensor:
    """Return (..., ) of boxes (..., 4); 0 where they are empty."""
    return (boxes[..., 2] - boxes[..., 0]).clamp(min=0) * (boxes[..., 3] - boxes[..., 1]).clamp(min=0)


def iou_matrix(a: Tensor, b: Tensor) -> Tensor:
    """Return intersection over union (A, B) of boxes (A, 4) and (B, 4)."""
    inside = _intersection(a[:, None], b[None])
    return inside / (area(a)[:, None] + area(b)[None] - inside).clamp(min=1e-9)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Return the generalised IoU (N,) of pairs of boxes: below 0 where they are apart, so that it can be learnt from."""
    inside = _intersection(a, b)
    union = area(a) + area(b) - inside
    around = area(torch.cat([torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])], dim=-1))
    return inside / union.clamp(min=1e-9) - (around - union) / around.clamp(min=1e-9)


def suppress(boxes: Tensor, scores: Tensor, labels: Tensor, *, threshold: float, limit: int) -> Tensor:
    """Return the numbers of the boxes that stay, most certain first: none overlaps a better one of its label too much."""
    order = scores.argsort(descending=True, stable=True)
    if not len(order):
        return order
    boxes, labels = boxes[order].float(), labels[order]
    apart = boxes + (labels * (boxes.max() + 1))[:, None]  # labels lie apart, so that one pass does for all
    covers = (iou_matrix(apart, apart) > threshold).triu(1).cpu().numpy()  # (N, N): better ones first
    stays = torch.ones(len(order), dtype=torch.bool)
    kept: list[int] = []
    for number in range(len(order)):
        if stays[number]:
            kept.append(number)
            if len(kept) == limit:
                break
            stays[torch.from_numpy(covers[number])] = False
    return order[torch.tensor(kept, device=order.device, dtype=torch.long)]


def _intersection(a: Tensor, b: Tensor) -> Tensor:
    sides = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    return sides[..., 0] * sides[..., 1]
