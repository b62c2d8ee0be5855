"""A careful user's loop of plain PyTorch over the same net: bfloat16, fused AdamW, pictures in memory, channels last or first."""

from __future__ import annotations

import os
import time
from statistics import median
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import torch
import torch.nn.functional as F  # noqa: N812

from benchmarks.frame.child import Round, serve
from benchmarks.image_shapes import BATCH, NUM_CLASSES, NUM_IMAGES, SIDE
from trainer.models.vision.model import build_net
from trainer.models.vision.spec import VisionSpec

NUM_WARM_STEPS = 3


def prepare(arguments: dict[str, Any]) -> Round:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(1)
    layout = torch.channels_last if arguments["channels_last"] else torch.contiguous_format
    spec = VisionSpec(architecture=arguments["architecture"])
    net = build_net(spec, side=SIDE, num_channels=3, num_classes=NUM_CLASSES, dropout=0.0)
    net = net.to(memory_format=layout).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05, fused=True)
    pixels = torch.randint(256, (NUM_IMAGES, 3, SIDE, SIDE), dtype=torch.uint8)
    labels = torch.randint(NUM_CLASSES, (NUM_IMAGES,))

    def step() -> float:
        begin = time.perf_counter()
        chosen = torch.randint(NUM_IMAGES, (BATCH,))
        pictures = (pixels[chosen].float() / 255 - 0.5) / 0.25
        mirrored = torch.rand(BATCH) < 0.5
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures).contiguous(
            memory_format=layout
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments["dtype"] == "bfloat16"):
            loss = F.cross_entropy(net(pictures), labels[chosen])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        return time.perf_counter() - begin

    for _ in range(NUM_WARM_STEPS):
        step()
    return lambda: BATCH / median(step() for _ in range(arguments["steps"]))


if __name__ == "__main__":
    serve(prepare)
