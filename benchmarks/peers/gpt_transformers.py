"""Peer: GPT-2 of transformers in its own Trainer, bf16 by autocast and torch.compile as its arguments turn them on."""

from __future__ import annotations

import tempfile
import threading
import time
from statistics import median
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

from benchmarks.frame.child import Round, serve
from benchmarks.gpt_shapes import Shape

NUM_WARM_STEPS = 3


class Windows(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    def __init__(self, shape: Shape) -> None:
        self.tokens = torch.randint(shape.vocab, (2_000, shape.length))

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self.tokens[i], "labels": self.tokens[i]}


class Turns(TrainerCallback):
    """Keeps the Trainer waiting between rounds, and takes the time at the end of each step."""

    def __init__(self) -> None:
        self.steps_to_go, self.ends = NUM_WARM_STEPS, list[float]()
        self.go, self.done = threading.Event(), threading.Event()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())
        self.steps_to_go -= 1
        if self.steps_to_go == 0:
            self.done.set()
            self.go.wait()
            self.go.clear()


def prepare(arguments: dict[str, Any]) -> Round:
    shape = Shape(**arguments["shape"])
    config = GPT2Config(
        vocab_size=shape.vocab,
        n_positions=shape.length,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        use_cache=False,
    )
    turns = Turns()
    trainer = Trainer(
        model=GPT2LMHeadModel(config),
        args=TrainingArguments(
            tempfile.mkdtemp(),
            per_device_train_batch_size=shape.batch,
            max_steps=100_000,
            bf16=arguments["dtype"] == "bfloat16",
            torch_compile=arguments["compile"],
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_steps=10,
            disable_tqdm=True,
        ),
        train_dataset=Windows(shape),
        callbacks=[turns],
    )
    threading.Thread(target=trainer.train, daemon=True).start()
    turns.done.wait()

    def one_round() -> float:
        turns.done.clear()
        turns.ends, turns.steps_to_go = [], arguments["steps"] + 1
        turns.go.set()
        turns.done.wait()
        return shape.tokens_per_step / median(b - a for a, b in zip(turns.ends, turns.ends[1:], strict=False))

    return one_round


if __name__ == "__main__":
    serve(prepare)
