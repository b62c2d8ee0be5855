"""Processor time of a GPT's training step over its parameters, its tokens, and the length of its sequences."""

from __future__ import annotations

import torch

from benchmarks.growth.fit import best_seconds, grow
from trainer.models.gpt.model import GPT
from trainer.models.gpt.spec import GPTSpec
from trainer.models.next_token import next_token_loss

VOCAB_SIZE, TOKENS = 2_048, 1_024


def step_seconds(*, width: int, length: int, num_tokens: int = TOKENS) -> float:
    """Return the seconds of forward and backward of so many tokens on one thread."""
    model = model_of(width=width, length=length)
    return best_seconds(lambda: learn(model, length=length, num_tokens=num_tokens))


def model_of(*, width: int, length: int) -> GPT:
    """Return a GPT of four layers, and let torch use one thread."""
    torch.set_num_threads(1)
    spec = GPTSpec(form="classic", num_layers=4, model_width=width, num_heads=width // 32, context_length=length)
    return GPT(spec, vocab_size=VOCAB_SIZE)


def learn(model: GPT, *, length: int, num_tokens: int = TOKENS) -> None:
    """Go forward and backward over so many random tokens in sequences of a length."""
    tokens = torch.randint(VOCAB_SIZE, (num_tokens // length, length))
    next_token_loss(model.hidden(tokens), model.output_weight, tokens).backward()


def parameters(width: int) -> int:
    return 12 * 4 * width**2 + VOCAB_SIZE * width


def main() -> None:
    widths = {parameters(width): width for width in (64, 128, 256, 512)}
    grow(
        "training_parameters",
        over="parameters in matrices",
        unit="s a step of 1,024 tokens",
        sizes=list(widths),
        cost=lambda size: step_seconds(width=widths[size], length=128),
    )
    grow(
        "training_tokens",
        over="tokens in a step, in sequences of 128",
        unit="s a step",
        sizes=[512, 1_024, 2_048, 4_096, 8_192],
        cost=lambda num_tokens: step_seconds(width=256, length=128, num_tokens=num_tokens),
    )
    grow(
        "training_length",
        over="tokens in a sequence, the tokens of a step the same",
        unit="s a step of 1,024 tokens",
        sizes=[64, 128, 256, 512, 1_024],
        cost=lambda length: step_seconds(width=256, length=length),
    )


if __name__ == "__main__":
    main()
