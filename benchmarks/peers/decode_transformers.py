"""Peer: GPT-2 of transformers, its own `generate` in bfloat16, greedy, with its cache."""

from __future__ import annotations

import time
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks.frame.child import Round, serve
from benchmarks.gpt_shapes import Shape


def prepare(arguments: dict[str, Any]) -> Round:
    shape = Shape(**arguments["shape"])
    config = GPT2Config(
        vocab_size=shape.vocab,
        n_positions=shape.length,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        bos_token_id=0,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config).eval().to(torch.bfloat16)

    def one_round() -> float:
        prompts = torch.randint(shape.vocab, (arguments["batch"], arguments["prompt_tokens"]))
        began = time.perf_counter()
        with torch.inference_mode():
            found = model.generate(
                prompts,
                attention_mask=torch.ones_like(prompts),
                max_new_tokens=arguments["new_tokens"],
                min_new_tokens=arguments["new_tokens"],
                do_sample=False,
                pad_token_id=0,
            )
        return (found.size(1) - prompts.size(1)) * len(prompts) / (time.perf_counter() - began)

    one_round()
    return one_round


if __name__ == "__main__":
    serve(prepare)
