"""Pictures varied at random while a model learns, a whole batch at a time on the device that trains.

All randomness comes from torch's own generators, whose state lies in every checkpoint: a resumed run goes on exactly.
Pictures are (B, C, S, S) from 0 to 1, classes (B, K) as probabilities.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from trainer.models.vision.spec import VisionSpec

NUM_RANDAUGMENT_STEPS = 2
GREY = (0.299, 0.587, 0.114)


def augment(pictures: Tensor, spec: VisionSpec) -> Tensor:
    """Return each picture flipped, moved, coloured and distorted as the settings say."""
    if spec.flip:
        mirrored = torch.rand(len(pictures), device=pictures.device) < 0.5
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
    if spec.shift_fraction:
        pictures = shift(pictures, spec.shift_fraction)
    if spec.colour_fraction:
        pictures = colour(pictures, spec.colour_fraction)
    if spec.randaugment:
        for _ in range(NUM_RANDAUGMENT_STEPS):
            pictures = randaugment(pictures, spec.randaugment / 10)
    return pictures


def shift(pictures: Tensor, fraction: float) -> Tensor:
    """Move each picture by a whole number of pixels; what comes in at the border mirrors what is there."""
    B, C, S, _ = pictures.shape
    most = max(1, int(S * fraction))
    padded = F.pad(pictures, (most, most, most, most), mode="reflect")
    offsets = torch.randint(2 * most + 1, (2, B, 1), device=pictures.device)
    places = torch.arange(S, device=pictures.device)
    rows, columns = offsets[0] + places, offsets[1] + places  # (B, S) each
    rows = rows[:, None, :, None].expand(B, C, S, S + 2 * most)
    return padded.gather(2, rows).gather(3, columns[:, None, None, :].expand(B, C, S, S))


def colour(pictures: Tensor, fraction: float) -> Tensor:
    """Change brightness, contrast and saturation, each by a factor of its own."""
    factors = 1 + fraction * (2 * torch.rand(3, len(pictures), 1, 1, 1, device=pictures.device) - 1)
    pictures = pictures * factors[0]
    grey = to_grey(pictures)
    pictures = torch.lerp(grey.mean(dim=(2, 3), keepdim=True).expand_as(pictures), pictures, factors[1])
    if pictures.size(1) == 3:
        pictures = torch.lerp(grey.expand_as(pictures), pictures, factors[2])
    return pictures.clamp(0, 1)


def to_grey(pictures: Tensor) -> Tensor:
    if pictures.size(1) != 3:
        return pictures.mean(dim=1, keepdim=True)
    weights = torch.tensor(GREY, device=pictures.device, dtype=pictures.dtype)
    return (pictures * weights[:, None, None]).sum(dim=1, keepdim=True)


def randaugment(pictures: Tensor, strength: float) -> Tensor:
    """Do one of seven things to each picture: turn, shear, scale, sharpen, invert bright parts, fewer levels, more contrast."""
    B, device = len(pictures), pictures.device
    choice = torch.randint(7, (B, 1, 1, 1), device=device)
    amount = strength * (2 * torch.rand(B, device=device) - 1)
    warped = warp(pictures, choice.flatten(), amount)
    blurred = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="reflect"), 3, 1)
    size = amount.abs()[:, None, None, None]
    for number, changed in (
        (3, pictures + 2 * size * (pictures - blurred)),
        (4, torch.where(pictures > 1 - size, 1 - pictures, pictures)),
        (5, (pictures * (16 - 12 * size)).round() / (16 - 12 * size)),
        (6, (pictures - pictures.mean(dim=(2, 3), keepdim=True)) * (1 + size) + 0.5),
    ):
        warped = torch.where(choice == number, changed.clamp(0, 1), warped)
    return warped


def warp(pictures: Tensor, choice: Tensor, amount: Tensor) -> Tensor:
    """Turn by up to 30 degrees, shear or scale by up to 0.3; other choices stay as they are."""
    none = torch.zeros_like(amount)
    angle = torch.where(choice == 0, amount * 0.52, none)
    slant = torch.where(choice == 1, amount * 0.3, none)
    scale = 1 + torch.where(choice == 2, amount * 0.3, none)
    cosine, sine = angle.cos(), angle.sin()
    rows = [torch.stack([scale * cosine, slant - sine, none], 1), torch.stack([sine, scale * cosine, none], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid.to(pictures.dtype), padding_mode="reflection", align_corners=False)


def mix(pictures: Tensor, classes: Tensor, spec: VisionSpec) -> tuple[Tensor, Tensor]:
    """Blend pictures with others of the batch (mixup), or paste a piece of another (CutMix); one of both for a batch."""
    wanted = [name for name in ("mixup", "cutmix") if getattr(spec, name) > 0]
    if not wanted:
        return pictures, classes
    name = wanted[int(torch.randint(len(wanted), (1,)))]
    alpha = getattr(spec, name)
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    other = torch.randperm(len(pictures), device=pictures.device)
    if name == "mixup":
        return torch.lerp(pictures[other], pictures, share), torch.lerp(classes[other], classes, share)
    side = pictures.size(2)
    cut = int(side * (1 - share) ** 0.5)
    top, left = (int(torch.randint(side - cut + 1, (1,))) for _ in range(2))
    pasted = pictures.clone()
    pasted[:, :, top : top + cut, left : left + cut] = pictures[other, :, top : top + cut, left : left + cut]
    share = 1 - cut * cut / side**2
    return pasted, torch.lerp(classes[other], classes, share)
