"""Ours through llama.cpp: the engine that a GGUF export is asked through, token by token, with text made of tokens."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from benchmarks.frame.child import Round, serve
from benchmarks.gpt_shapes import Shape
from benchmarks.ours.decode import gguf_of
from benchmarks.ours.gpt_train import made_up_tokenizer
from trainer.inference.completions import InLlamaCpp
from trainer.inference.sampling import SamplingSpec


def prepare(arguments: dict[str, Any]) -> Round:
    shape, num_texts = Shape(**arguments["shape"]), arguments["batch"]
    path = gguf_of(shape, Path(tempfile.mkdtemp(prefix="bench-decode-")))
    engine = InLlamaCpp(path, made_up_tokenizer(shape.vocab), context_length=shape.length, num_texts=max(num_texts, 1))
    settings = SamplingSpec(temperature=0, num_tokens=arguments["new_tokens"])
    pool = ThreadPoolExecutor(num_texts)

    def one_round() -> float:
        prompts = torch.randint(shape.vocab - 1, (num_texts, arguments["prompt_tokens"])).tolist()
        began = time.perf_counter()
        num_tokens = sum(pool.map(lambda prompt: sum(1 for _ in engine.write(prompt, settings)), prompts))
        return num_tokens / (time.perf_counter() - began)

    one_round()
    return one_round


if __name__ == "__main__":
    serve(prepare)
