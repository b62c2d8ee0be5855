"""Seventh step: the tokenizer, learnt from a seeded sample of the training split, in a process of its own.

A process of its own because learning takes long in native code that cannot be interrupted: a stop ends the process.
"""

from __future__ import annotations

import multiprocessing
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.bpe import train_bpe
from trainer.data.parts.marks import plain
from trainer.data.recipe import TokenizerStep
from trainer.data.split import mixed
from trainer.data.spool import Spool
from trainer.data.tokenizer import Tokenizer
from trainer.errors import TrainerError

_LENGTH = struct.Struct("<I")


def write_sample(spool: Spool, in_training: NDArray[np.bool_], step: TokenizerStep, path: Path) -> int:
    """Write the texts to learn from: all of the training split if it fits, otherwise a part drawn by content and seed."""
    total = sum(
        int(records["num_bytes"][in_training[start : start + len(records)]].sum()) for start, records in spool.windows()
    )
    share = min(1.0, step.sample_bytes / max(1, total))
    highest = np.uint64(min(int(share * 2.0**64), 0xFFFFFFFFFFFFFFFF))
    written = 0
    with open(path, "xb") as file:
        for start, records in spool.chunks():
            wanted = in_training[start : start + len(records)] & (mixed(records["hash_low"], step.seed) <= highest)
            for text in spool.chunk_texts(records, wanted):
                raw = plain(text).encode()
                if written + len(raw) > step.sample_bytes:
                    if written:
                        continue
                    raw = plain(text[: step.sample_bytes // 4]).encode()
                file.write(_LENGTH.pack(len(raw)) + raw)
                written += len(raw)
    return written


def read_sample(path: Path) -> Iterator[str]:
    with open(path, "rb") as file:
        while header := file.read(_LENGTH.size):
            yield file.read(_LENGTH.unpack(header)[0]).decode()


def learn_tokenizer(
    sample: Path, folder: Path, step: TokenizerStep, *, check_stop: Callable[[], None], num_threads: int
) -> Tokenizer:
    """Learn the tokenizer in a child process and return it; `check_stop` is asked several times a second."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_learn, args=(sample, folder, step.vocab_size, num_threads), daemon=True)
    process.start()
    try:
        while process.is_alive():
            check_stop()
            process.join(timeout=0.2)
    finally:
        if process.is_alive():
            process.kill()
            process.join()
    if process.exitcode != 0:
        raise TrainerError(
            f"Learning the tokenizer ended with exit code {process.exitcode}; most often memory was short. "
            "Set a smaller tokenizer.sample_bytes.",
            code="out_of_memory" if process.exitcode in (-9, 137) else "crash",
        )
    return Tokenizer.load(folder)


def _learn(sample: Path, folder: Path, vocab_size: int, num_threads: int) -> None:
    from trainer.data.workers import prepare_process

    prepare_process(num_threads)
    train_bpe(read_sample(sample), vocab_size=vocab_size).save(folder)
