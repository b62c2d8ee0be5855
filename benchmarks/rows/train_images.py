"""Training image classifiers: images per second of our whole job and of the plain loop that a careful user writes."""

from __future__ import annotations

from typing import Any

from benchmarks.frame.compare import Child, Limit, compare, options
from benchmarks.image_shapes import ARCHITECTURES, BATCH, NUM_CLASSES, SIDE, STEPS
from economics.flop.others import flop_per_example
from trainer.models.vision.spec import VisionSpec
from webapp.runs.links.vision import to_architecture

TARGET = 1.1
DTYPE = "bfloat16"
LAST, FIRST = "plain loop, channels last", "plain loop, channels first"


def contenders(architecture: str) -> list[Child]:
    arguments = {"architecture": architecture, "dtype": DTYPE, "steps": STEPS[architecture]}
    plain = "benchmarks.ours.image_plain"
    return [
        Child(name="isocost", module="benchmarks.ours.image_train", arguments=arguments),
        Child(name=LAST, module=plain, arguments=arguments | {"channels_last": True}),
        Child(name=FIRST, module=plain, arguments=arguments | {"channels_last": False}),
    ]


def flop_per_picture(architecture: Any) -> float:
    """Return the FLOP of training on a picture, forward and backward."""
    facts = {"side": SIDE, "num_channels": 3, "num_labels": NUM_CLASSES}
    return 3 * flop_per_example(to_architecture(VisionSpec(architecture=architecture), facts)).total


def main() -> None:
    chosen = options(__doc__)
    for architecture in ARCHITECTURES:
        words = f"{architecture}, {SIDE} x {SIDE}, batch {BATCH}, {DTYPE}"
        if chosen.only in words:
            compare(
                "train_images",
                words,
                contenders(architecture),
                unit="images/s",
                rounds=chosen.rounds,
                limit=Limit(name="matmul bfloat16, oneDNN", work_per_unit=flop_per_picture(architecture)),
                peers=(LAST, FIRST),
                target=TARGET,
                is_recorded=not chosen.dry,
            )


if __name__ == "__main__":
    main()
