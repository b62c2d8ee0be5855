"""The loss of the next token straight from the hidden state: logits live for some rows at a time, and never in float32.

Forward, each chunk of rows is multiplied with the output's weights, and its loss and its gradient are taken at once, so
that backward has only to scale what is there. Of a whole batch's logits (the largest thing in training a small model)
neither a float32 copy nor a second one for the gradient is ever held.

Sizes: N tokens of the batch, D model width, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from trainer.models.products import gradient_of_rows, gradient_of_weight, product

IGNORED = -100
"""A target that counts for nothing."""
LOGITS_AT_ONCE = 2**23
MOST_CHUNKS = 8
"""Each is a piece of the compiled program."""
EAGER_ROWS = 64


class Taught(NamedTuple):
    """What a teacher says of the same tokens, and how much that counts (`trainer.training.teacher`)."""

    hidden: Tensor
    """Its hidden states (..., its D)."""

    weight: Tensor
    """Of its output (V, its D)."""

    temperature: float
    share: float


def next_token_loss(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, label_smoothing: float = 0.0, taught: Taught | None = None
) -> Tensor:
    """Return the mean cross-entropy in nats of the targets (...) given hidden states (..., D) and weights (V, D).

    With a teacher, its share of the loss is the divergence from what it says, softened, instead.
    """
    arguments = hidden.flatten(0, -2), weight, targets.flatten(), label_smoothing
    teacher = (None, None, 1.0, 0.0) if taught is None else (taught.hidden.flatten(0, -2), *taught[1:])
    loss: Tensor = _NextTokenLoss.apply(*arguments, *teacher)  # type: ignore[no-untyped-call]
    return loss


@torch.no_grad()
def next_token_loss_sum(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return the summed cross-entropy in nats, in float32, for measuring."""
    hidden, targets = hidden.flatten(0, -2), targets.flatten()
    total = torch.zeros((), device=hidden.device)
    for rows in _chunks(len(targets), len(weight)):
        logits = _logits(hidden[rows], weight).float()
        total = total + F.cross_entropy(logits, targets[rows], ignore_index=IGNORED, reduction="sum")
    return total


class _NextTokenLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        label_smoothing: float,
        taught: Tensor | None,
        taught_weight: Tensor | None,
        temperature: float,
        share: float,
    ) -> Tensor:
        total = torch.zeros((), device=hidden.device)
        weight_gradient = None
        hidden_gradients = []
        for rows in _chunks(len(targets), len(weight)):
            x = hidden[rows]
            logits = _logits(x, weight)  # (n, V)
            said = None if taught is None or taught_weight is None else _logits(taught[rows], taught_weight)
            losses, gradient = _losses(logits, targets[rows], label_smoothing, said, temperature, share)
            total = total + losses.sum()
            gradient, matrix = gradient.to(logits.dtype), weight.to(logits.dtype)
            hidden_gradients.append(gradient_of_rows(gradient, matrix).to(hidden.dtype))  # (n, D)
            part = gradient_of_weight(gradient, x.to(logits.dtype), matrix).to(weight.dtype)  # (V, D)
            weight_gradient = part if weight_gradient is None else weight_gradient + part
        count = (targets != IGNORED).sum().clamp(min=1)
        ctx.save_for_backward(torch.cat(hidden_gradients), weight_gradient, count)
        return total / count

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        hidden_gradient, weight_gradient, count = ctx.saved_tensors
        scale = scale / count
        return hidden_gradient * scale.to(hidden_gradient.dtype), weight_gradient * scale, *[None] * 6


def _chunks(num_rows: int, vocab_size: int) -> list[slice]:
    step = max(LOGITS_AT_ONCE // vocab_size, math.ceil(num_rows / MOST_CHUNKS), 1)
    return [slice(first, min(first + step, num_rows)) for first in range(0, num_rows, step)]


def _logits(hidden: Tensor, weight: Tensor) -> Tensor:
    """Return logits (n, V), in the number format of matrix products."""
    kind = hidden.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
    return product(hidden.to(dtype), weight.to(dtype))


def _losses(
    logits: Tensor,
    targets: Tensor,
    label_smoothing: float,
    said: Tensor | None = None,
    temperature: float = 1.0,
    share: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Return each row's loss (n,) and the gradient (n, V) of their sum, which takes the place of the logits in memory.

    Compiled, the rows go through one fused loop; in eager mode a few at a time, so that float32 stays in the cache.
    `said` are the teacher's logits (n, V).
    """
    if torch.compiler.is_compiling():
        return _losses_of(logits, targets, label_smoothing, said, temperature, share)
    losses = []
    for first in range(0, len(targets), EAGER_ROWS):
        rows = slice(first, first + EAGER_ROWS)
        theirs = None if said is None else said[rows]
        found, gradient = _losses_of(logits[rows], targets[rows], label_smoothing, theirs, temperature, share)
        losses.append(found)
        logits[rows] = gradient
    return torch.cat(losses), logits


def _losses_of(
    logits: Tensor, targets: Tensor, label_smoothing: float, said: Tensor | None, temperature: float, share: float
) -> tuple[Tensor, Tensor]:
    counts = (targets != IGNORED).float()  # (n,)
    right = targets.clamp(min=0)[:, None]  # (n, 1)
    scores = logits.float()
    normaliser = scores.logsumexp(dim=-1)  # (n,)
    losses = normaliser - (1 - label_smoothing) * scores.gather(1, right).squeeze(1)
    gradient = (scores - normaliser[:, None]).exp()
    if label_smoothing:
        losses = losses - label_smoothing * scores.mean(dim=-1)
        gradient = gradient - label_smoothing / logits.size(-1)
    is_right = torch.arange(logits.size(-1), dtype=torch.int32, device=logits.device) == right.int()  # (n, V)
    gradient = gradient - is_right * (1 - label_smoothing)
    if said is not None:
        soft, soft_gradient = _soft_losses_of(scores, said, temperature)
        losses, gradient = (1 - share) * losses + share * soft, (1 - share) * gradient + share * soft_gradient
    return losses * counts, gradient * counts[:, None]


def _soft_losses_of(scores: Tensor, said: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return each row's divergence from the teacher (n,), times the temperature's square, and its gradient (n, V)."""
    ours, theirs = ((each.float() / temperature).log_softmax(dim=-1) for each in (scores, said))
    likely = theirs.exp()
    losses = (likely * (theirs - ours)).sum(dim=-1) * temperature**2
    return losses, temperature * (ours.exp() - likely)
