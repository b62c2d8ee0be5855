"""The loss straight from the hidden state, against PyTorch's cross-entropy of the logits."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from trainer.models import next_token
from trainer.models.next_token import IGNORED, next_token_loss, next_token_loss_sum

NUM_ROWS, WIDTH, VOCAB = 150, 16, 40


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(3, NUM_ROWS // 3, WIDTH, generator=generator)
    weight = torch.randn(VOCAB, WIDTH, generator=generator)
    targets = torch.randint(VOCAB, (3, NUM_ROWS // 3), generator=generator)
    return hidden, weight, targets


def gradients(loss_of, hidden, weight):
    hidden, weight = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
    loss = loss_of(hidden, weight)
    (2 * loss).backward()
    return loss.detach(), hidden.grad, weight.grad


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows_at_once", [NUM_ROWS, 60])
def test_loss_and_gradients_are_those_of_cross_entropy(rows, smoothing, rows_at_once, monkeypatch):
    monkeypatch.setattr(next_token, "LOGITS_AT_ONCE", rows_at_once * VOCAB)
    hidden, weight, targets = rows
    targets[0, :7] = IGNORED

    def wanted(x, w):
        return F.cross_entropy((x @ w.T).flatten(0, 1), targets.flatten(), label_smoothing=smoothing)

    found = gradients(lambda x, w: next_token_loss(x, w, targets, label_smoothing=smoothing), hidden, weight)
    for ours, theirs in zip(found, gradients(wanted, hidden, weight), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_under_autocast_products_are_in_bfloat16_and_sums_are_not(rows):
    hidden, weight, targets = rows
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(lambda x, w: next_token_loss(x, w, targets), hidden, weight)
    wanted = gradients(lambda x, w: F.cross_entropy((x @ w.T).flatten(0, 1), targets.flatten()), hidden, weight)
    assert [each.dtype for each in found] == [torch.float32] * 3
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=5e-3)


def test_the_measured_sum_is_that_of_cross_entropy(rows):
    hidden, weight, targets = rows
    targets[1, :5] = IGNORED
    wanted = F.cross_entropy((hidden @ weight.T).flatten(0, 1), targets.flatten(), reduction="sum")
    torch.testing.assert_close(next_token_loss_sum(hidden, weight, targets), wanted)


def test_a_batch_whose_targets_are_all_ignored_teaches_nothing(rows):
    hidden, weight, targets = rows
    loss, hidden_gradient, weight_gradient = gradients(
        lambda x, w: next_token_loss(x, w, torch.full_like(targets, IGNORED)), hidden, weight
    )
    assert loss == 0
    assert not hidden_gradient.any()
    assert not weight_gradient.any()
