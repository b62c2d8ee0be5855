"""Peers: a GPT trained by a plain loop, as one writes it in an afternoon, in two recipes.

plain     biases, AdamW over all weights, tokens already in memory
research  as small research code bases do it: no biases, decay on matrices alone, windows copied from a memory map
"""

from __future__ import annotations

import os
import tempfile
import time
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks.frame.child import Round, serve
from benchmarks.gpt_shapes import Shape

NUM_WARM_STEPS = 3


class Block(nn.Module):
    def __init__(self, shape: Shape, bias: bool) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=bias), nn.LayerNorm(width, bias=bias)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=bias), nn.Linear(width, width, bias=bias)
        self.up, self.down = nn.Linear(width, 4 * width, bias=bias), nn.Linear(4 * width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        B, T, D = x.shape
        q, k, v = (z.view(B, T, self.heads, -1).transpose(1, 2) for z in self.qkv(self.norm1(x)).split(D, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, D))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, shape: Shape, bias: bool) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(shape.vocab, shape.width), nn.Embedding(shape.length, shape.width)
        self.blocks = nn.Sequential(*[Block(shape, bias) for _ in range(shape.layers)])
        self.norm, self.head = nn.LayerNorm(shape.width, bias=bias), nn.Linear(shape.width, shape.vocab, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.size(1)))
        logits = self.head(self.norm(self.blocks(x)))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def prepare(arguments: dict[str, Any]) -> Round:
    shape, is_research = Shape(**arguments["shape"]), arguments["recipe"] == "research"
    torch.set_num_threads(arguments.get("threads") or len(os.sched_getaffinity(0)))
    torch.manual_seed(1)
    model = GPT(shape, bias=not is_research)
    optimizer = adamw(model, is_research)
    run = torch.compile(model) if arguments["compile"] else model
    read = memory_map(shape) if is_research else in_memory(shape)

    def step() -> float:
        begin = time.perf_counter()
        window = read()
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments["dtype"] == "bfloat16"):
            loss = run(window[:, :-1], window[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        return time.perf_counter() - begin

    for _ in range(NUM_WARM_STEPS):
        step()
    return lambda: shape.tokens_per_step / median(step() for _ in range(arguments["steps"]))


def adamw(model: nn.Module, is_research: bool) -> torch.optim.Optimizer:
    if not is_research:
        return torch.optim.AdamW(model.parameters(), lr=1e-3)
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))


def in_memory(shape: Shape) -> Any:
    tokens = torch.randint(shape.vocab, (64, shape.batch, shape.length + 1))
    state = {"next": 0}

    def read() -> Tensor:
        state["next"] = (state["next"] + 1) % len(tokens)
        return tokens[state["next"]]

    return read


def memory_map(shape: Shape) -> Any:
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115  lives as long as the process
    np.random.default_rng(1).integers(0, shape.vocab, 500_000).astype(np.uint16).tofile(file.name)
    data = np.memmap(file.name, dtype=np.uint16, mode="r")

    def read(_keep: object = file) -> Tensor:
        starts = torch.randint(len(data) - shape.length - 1, (shape.batch,))
        return torch.stack([torch.from_numpy(data[i : i + shape.length + 1].astype(np.int64)) for i in starts])

    return read


if __name__ == "__main__":
    serve(prepare)
