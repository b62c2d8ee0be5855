"""Image models that contenders train: 64 x 64 pixels in colour, 100 classes, batches of 32."""

from __future__ import annotations

SIDE, NUM_CLASSES, BATCH, NUM_IMAGES = 64, 100, 32, 2_048
ARCHITECTURES = ("resnet18", "vgg11")
STEPS = {"resnet18": 6, "vgg11": 6}
