"""Peer: litgpt's model and its loss in chunks, trained as its own pretraining does it, through Fabric."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import lightning
import torch
from litgpt import GPT, Config
from litgpt.utils import chunked_cross_entropy

from benchmarks.frame.child import Round, serve
from benchmarks.gpt_shapes import Shape

NUM_WARM_STEPS = 3


def prepare(arguments: dict[str, Any]) -> Round:
    shape = Shape(**arguments["shape"])
    precision = "bf16-mixed" if arguments["dtype"] == "bfloat16" else "32-true"
    fabric = lightning.Fabric(accelerator="cpu", devices=1, precision=precision)
    config = Config(
        block_size=shape.length,
        vocab_size=shape.vocab,
        padded_vocab_size=shape.vocab,
        n_layer=shape.layers,
        n_head=shape.heads,
        n_embd=shape.width,
        intermediate_size=4 * shape.width,
        rotary_percentage=1.0,
        bias=True,
        mlp_class_name="GptNeoxMLP",
        norm_class_name="LayerNorm",
    )
    model: Any = GPT(config)
    model = fabric.setup(torch.compile(model) if arguments["compile"] else model)
    optimizer = fabric.setup_optimizers(torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95)))
    tokens = torch.randint(shape.vocab, (64, shape.batch, shape.length + 1))

    def step(i: int) -> float:
        begin = time.perf_counter()
        window = tokens[i % len(tokens)]
        loss = chunked_cross_entropy(model(window[:, :-1]), window[:, 1:], chunk_size=0)
        fabric.backward(loss)
        fabric.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        return time.perf_counter() - begin

    for i in range(NUM_WARM_STEPS):
        step(i)
    return lambda: shape.tokens_per_step / median(step(i) for i in range(arguments["steps"]))


if __name__ == "__main__":
    serve(prepare)
