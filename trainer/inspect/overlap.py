"""Verbatim overlap: how much of what a model writes stands word for word in what it learned from.

The rate alone says little, for all texts of a kind share phrases: the same is counted for unseen text of equal length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.shards import PreparedVersion, TokenSplit
from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.inference.sampling import SamplingSpec
from trainer.inspect.ngrams import Found, document_at, find_ngrams
from trainer.inspect.spec import InspectSpec

PROMPT_TOKENS = 24
SHOWN = 6
Say = Callable[[str, float, float], None]
"""(phase, done, total); raises to end early."""


def overlap_report(spec: InspectSpec, loaded: LoadedModel, version: PreparedVersion, say: Say) -> dict[str, Any]:
    """Let the model write, look its n-grams up in the training split, and the same for unseen text."""
    loaded.require("generate")
    train, unseen = version.split("train"), version.split(spec.split)
    tokenizer = version.tokenizer()
    prompts = list(_prompts(spec, unseen, tokenizer))
    written = []
    for number, prompt in enumerate(prompts):
        say("writing", number, len(prompts))
        written.append(write(loaded, prompt, spec, seed=spec.seed + number))
    held_out = list(_unseen(unseen, num=len(written), length=spec.num_tokens, seed=spec.seed))
    texts = [np.asarray(each, np.int64) for each in (*written, *held_out)]
    found = find_ngrams(texts, train, n=spec.ngram, on_piece=lambda done: say("looking it up", done, train.num_tokens))
    ours, theirs = found[: len(written)], found[len(written) :]
    return {
        "what": "overlap",
        "ngram": spec.ngram,
        "num_passages": len(ours),
        "num_tokens": sum(len(each.tokens) for each in ours),
        "rate": rate(ours),
        "held_out_rate": rate(theirs),
        "split": spec.split,
        "longest_tokens": max((each.longest_tokens for each in ours), default=0),
        "held_out_longest_tokens": max((each.longest_tokens for each in theirs), default=0),
        "passages": [
            passage(each, train, tokenizer, prompt=tokenizer.decode(prompt))
            for each, prompt in sorted(zip(ours, prompts, strict=True), key=lambda pair: -pair[0].covered_fraction)[
                :SHOWN
            ]
        ],
    }


def rate(found: list[Found]) -> float | None:
    """Return the share of tokens that lie in a copied n-gram; None where there was nothing long enough."""
    total = sum(len(each.tokens) for each in found)
    return float(sum(int(each.covered.sum()) for each in found) / total) if total else None


def passage(found: Found, train: TokenSplit, tokenizer: Tokenizer, *, prompt: str = "") -> dict[str, Any]:
    """Return a text in pieces, each marked as copied or not, and where its longest copy stands."""
    covered = found.covered
    edges = [0, *(np.flatnonzero(np.diff(covered)) + 1).tolist(), len(covered)]
    pieces = [
        {"text": tokenizer.decode(found.tokens[a:b].tolist()), "copied": bool(covered[a])}
        for a, b in pairwise(edges)
        if b > a
    ]
    origin = None
    if found.longest:
        document = train.document_id(document_at(train, found.longest.place))
        origin = {"source": document.source, "row": document.row, "num_tokens": found.longest.length}
    return {"prompt": prompt, "pieces": pieces, "fraction": found.covered_fraction,
            "longest": origin}  # fmt: skip


def write(loaded: LoadedModel, prompt: list[int], spec: InspectSpec, *, seed: int) -> list[int]:
    """Return the tokens that the model writes behind a prompt."""
    tokenizer = loaded.task.assets.tokenizer
    length = loaded.language_model.context_length
    read = [tokenizer.end_of_text_id, *prompt][-max(length - spec.num_tokens, length // 2) :]
    settings = SamplingSpec(num_tokens=spec.num_tokens, temperature=spec.temperature, seed=seed)
    return [each.token for each in loaded.batch.write(read, settings) if each.end != "end_of_text"]


def _prompts(spec: InspectSpec, unseen: TokenSplit, tokenizer: Tokenizer) -> Iterator[list[int]]:
    """Yield what the model goes on from: the given prompt each time, or the beginnings of unseen documents."""
    if spec.prompt:
        yield from [tokenizer.encode(spec.prompt)] * spec.num_passages
        return
    if not unseen.num_documents:
        raise InputError(f"the {spec.split} split has no documents to begin from; write a prompt")
    chance = np.random.default_rng(spec.seed)
    chosen = chance.permutation(unseen.num_documents)
    for number in range(spec.num_passages):
        document = int(chosen[number % len(chosen)])
        start, end = (int(at) for at in unseen.document_starts[document : document + 2])
        yield unseen.read(start, min(PROMPT_TOKENS, max(end - start - 1, 1))).tolist()


def _unseen(unseen: TokenSplit, *, num: int, length: int, seed: int) -> Iterator[NDArray[np.int32]]:
    """Yield stretches of unseen text, as long as what the model writes, at places drawn by the seed."""
    if not unseen.num_tokens:
        return
    chance = np.random.default_rng(seed)
    for _ in range(num):
        start = int(chance.integers(0, max(unseen.num_tokens - length, 0) + 1))
        yield unseen.read(start, min(length, unseen.num_tokens - start))
