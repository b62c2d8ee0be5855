"""Layers that more than one family is built of."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from trainer.models.layers import activate, gelu_by_sigmoid


def test_gelu_by_sigmoid_is_gelu_by_tanh() -> None:
    x = torch.linspace(-12, 12, 4_001, dtype=torch.float64, requires_grad=True)
    wanted = F.gelu(x, approximate="tanh")
    torch.testing.assert_close(gelu_by_sigmoid(x), wanted, rtol=0, atol=1e-14)
    slopes = [torch.autograd.grad(each.sum(), x)[0] for each in (gelu_by_sigmoid(x), wanted)]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-14)


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "silu"])
def test_activations_are_the_same_when_compiled(activation) -> None:
    x = torch.linspace(-30, 30, 4_001)
    torch.testing.assert_close(torch.compile(activate)(x, activation), activate(x, activation), rtol=1e-5, atol=1e-6)
