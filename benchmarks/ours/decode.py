"""Ours: the path that the playground takes, a batch of texts that are read in turn."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

os.environ |= {"GOMP_SPINCOUNT": "1000", "THP_MEM_ALLOC_ENABLE": "1"}  # as `python -m trainer` sets them

import torch

from benchmarks.frame.child import Round, serve
from benchmarks.gpt_shapes import Shape
from benchmarks.ours.gpt_train import made_up_tokenizer
from trainer.formats.gguf import write_file
from trainer.inference.batch import Batch
from trainer.inference.sampling import SamplingSpec
from trainer.models.gpt.hf import hf_config, to_hf
from trainer.models.gpt.model import GPT
from trainer.models.gpt.spec import GPTSpec


def prepare(arguments: dict[str, Any]) -> Round:
    shape, num_texts = Shape(**arguments["shape"]), arguments["batch"]
    tokenizer = made_up_tokenizer(shape.vocab)
    torch.manual_seed(1)
    batch = Batch(model_of(shape).decoder(torch.bfloat16), tokenizer)
    settings = SamplingSpec(temperature=0, num_tokens=arguments["new_tokens"])

    def one_round() -> float:
        prompts = torch.randint(shape.vocab - 1, (num_texts, arguments["prompt_tokens"])).tolist()
        began = time.perf_counter()
        texts = [batch.write(prompt, settings) for prompt in prompts]
        num_tokens = 0
        while texts:
            texts = [text for text in texts if next(text, None)]
            num_tokens += len(texts)
        return num_tokens / (time.perf_counter() - began)

    one_round()
    return one_round


def model_of(shape: Shape) -> GPT:
    spec = GPTSpec(
        form="classic",
        num_layers=shape.layers,
        model_width=shape.width,
        num_heads=shape.heads,
        context_length=shape.length,
    )
    return GPT(spec, vocab_size=shape.vocab).eval()


def gguf_of(shape: Shape, folder: Path) -> Path:
    """Write the same model for llama.cpp, in bfloat16; return the file."""
    tokenizer, model, path = made_up_tokenizer(shape.vocab), model_of(shape), folder / "model.gguf"
    config = hf_config(model.spec, vocab_size=tokenizer.vocab_size, end_of_text_id=tokenizer.end_of_text_id)
    weights = to_hf({name: weight.detach() for name, weight in model.named_parameters()}, model.spec)
    write_file(path, config, weights, tokenizer, name="decode", numbers="bfloat16")
    return path


if __name__ == "__main__":
    serve(prepare)
