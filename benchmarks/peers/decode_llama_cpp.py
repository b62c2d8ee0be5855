"""Peer: llama.cpp, as its Python binding answers whole completions of several texts at once."""

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
from trainer.formats.llama_cpp import LlamaCpp


def prepare(arguments: dict[str, Any]) -> Round:
    shape, num_texts, num_tokens = Shape(**arguments["shape"]), arguments["batch"], arguments["new_tokens"]
    path = gguf_of(shape, Path(tempfile.mkdtemp(prefix="bench-decode-")))
    engine = LlamaCpp(path, context_length=shape.length, num_texts=num_texts, num_threads=torch.get_num_threads())
    pool = ThreadPoolExecutor(num_texts)

    def write(prompt: list[int]) -> int:
        return engine.complete(
            {"prompt": prompt, "n_predict": num_tokens, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
        )["usage"]["completion_tokens"]

    def one_round() -> float:
        prompts = torch.randint(shape.vocab - 1, (num_texts, arguments["prompt_tokens"])).tolist()
        began = time.perf_counter()
        return sum(pool.map(write, prompts)) / (time.perf_counter() - began)

    one_round()
    return one_round


if __name__ == "__main__":
    serve(prepare)
