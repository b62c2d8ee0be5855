"""Softmax over few items in place of all: which items are drawn, and what undoes that some are drawn more often.

    M rows, D width, S items drawn, N items

With the expected number of times q that an item is drawn, log q is taken from its score: the sum over those drawn is then, in
expectation, the sum over all items, and the loss is that over the whole catalogue. The item taken is there once, whatever is
drawn, so nothing is taken from it; where it is drawn by accident as well, that is left out. To tell yes from no, each by itself,
log q is taken from both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from trainer.recommend.spec import RecommenderSpec

SMOOTHING = 0.75
"""Power of the number of interactions by which popular negatives are drawn (Mikolov et al. 2013)."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Items to be told apart from those taken."""

    items: Tensor
    """(S,)"""

    log_expected: Tensor
    """(S,) log of how often each was expected to be drawn; 0 where nothing is undone."""

    log_expected_positive: Tensor
    """(M,) the same of the items taken; for the loss of yes and no."""


def draw(positives: Tensor, counts: Tensor, spec: RecommenderSpec) -> Drawn | None:
    """Draw items for a batch of items taken (M,); None where all items are to be told apart."""
    N, S = len(counts), spec.num_negatives
    if spec.negatives == "all" or (spec.negatives != "in_batch" and N <= S):
        return None
    if spec.negatives == "in_batch":
        chosen = torch.randperm(len(positives), device=positives.device)[:S] if len(positives) > S else slice(None)
        items, share = positives[chosen], counts / counts.sum()
    elif spec.negatives == "uniform":
        items = torch.randint(N, (S,), device=counts.device)
        share = torch.full_like(counts, 1 / N)
    else:
        weights = (counts + 1) ** SMOOTHING
        share = weights / weights.sum()
        places = torch.rand(S, device=counts.device, dtype=torch.float64)
        items = torch.searchsorted(share.double().cumsum(0), places).clamp(max=N - 1)
    if not spec.popularity_correction:
        return Drawn(items, share.new_zeros(len(items)), share.new_zeros(len(positives)))
    expected = (share * len(items)).clamp(min=1e-9).log()
    return Drawn(items, expected[items], expected[positives])


def sampled_softmax(
    queries: Tensor, taken: Tensor, others: Tensor, positives: Tensor, drawn: Drawn, weights: Tensor
) -> Tensor:
    """Return the mean loss, by the interactions' `weights` (M,).

    `queries` and vectors of the items `taken` are (M, D), those of the `others` (S, D).
    """
    right = (queries * taken).sum(dim=1).float()  # (M,)
    wrong = (queries @ others.T).float() - drawn.log_expected  # (M, S)
    wrong = wrong.masked_fill(drawn.items == positives[:, None], float("-inf"))
    losses = torch.logsumexp(torch.cat([right[:, None], wrong], dim=1), dim=1) - right
    return weighted_mean(losses, weights)


def whole_softmax(scores: Tensor, positives: Tensor, weights: Tensor) -> Tensor:
    """Return the same of the scores of all items (M, N)."""
    return weighted_mean(F.cross_entropy(scores.float(), positives, reduction="none"), weights)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of losses (M,) in which each interaction counts as much as the data says."""
    return (losses * weights).sum() / weights.sum()


def sampled_logistic(right: Tensor, wrong: Tensor, is_same: Tensor, drawn: Drawn, weights: Tensor) -> Tensor:
    """Return the mean loss of telling each item taken (M,) from each drawn one (M, S): yes or no (Gutmann and Hyvärinen 2010)."""
    right = right.float() - drawn.log_expected_positive
    wrong = (wrong.float() - drawn.log_expected).masked_fill(is_same, float("-inf"))
    return weighted_mean(F.softplus(-right) + F.softplus(wrong).sum(dim=1), weights)
