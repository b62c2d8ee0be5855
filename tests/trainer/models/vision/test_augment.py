"""Augmentation changes pictures as it says, keeps their range, and repeats itself from the same state of chance."""

from __future__ import annotations

import pytest
import torch

from trainer.models.vision.augment import augment, mix, shift
from trainer.models.vision.spec import VisionSpec

OFF = {"flip": False, "shift_fraction": 0.0, "colour_fraction": 0.0}


def pictures(channels: int = 3) -> torch.Tensor:
    return torch.rand(16, channels, 24, 24, generator=torch.Generator().manual_seed(3))


def test_everything_off_changes_nothing() -> None:
    assert augment(pictures(), VisionSpec(**OFF)).equal(pictures())


def test_flip_mirrors_about_half() -> None:
    seen = augment(pictures(), VisionSpec(**{**OFF, "flip": True}))
    same = sum(int(a.equal(b)) for a, b in zip(seen, pictures(), strict=True))
    mirrored = sum(int(a.equal(b.flip(2))) for a, b in zip(seen, pictures(), strict=True))
    assert same + mirrored == 16
    assert 3 <= mirrored <= 13


def test_shift_moves_by_whole_pixels() -> None:
    torch.manual_seed(0)
    given = pictures()
    for moved, whole in zip(shift(given, 0.1), given, strict=True):
        inner = moved[:, 8:16, 8:16]
        found = [
            (dy, dx)
            for dy in range(-3, 4)
            for dx in range(-3, 4)
            if inner.equal(whole[:, 8 + dy : 16 + dy, 8 + dx : 16 + dx])
        ]
        assert len(found) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_all_together_keeps_range_and_repeats(channels: int) -> None:
    spec = VisionSpec(randaugment=9, colour_fraction=0.4)
    torch.manual_seed(5)
    one = augment(pictures(channels), spec)
    torch.manual_seed(5)
    two = augment(pictures(channels), spec)
    assert one.equal(two)
    assert one.min() >= 0
    assert one.max() <= 1
    assert one.shape == (16, channels, 24, 24)
    assert sum(int(a.equal(b)) for a, b in zip(one, pictures(channels), strict=True)) == 0


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_classes_share_as_the_pictures_do(name: str) -> None:
    torch.manual_seed(2)
    shown = torch.arange(8.0)[:, None, None, None].expand(8, 1, 24, 24).contiguous()
    classes = torch.eye(8)
    mixed, probabilities = mix(shown, classes, VisionSpec(**OFF, **{name: 1.0}))
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(8))
    expected = (probabilities * torch.arange(8.0)).sum(dim=1)
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), expected, atol=1e-4, rtol=1e-4)
    assert (mixed != shown).any()
