"""Attention in blocks, as compiled code on a processor computes it, against PyTorch's own kernel."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from trainer.models.attention import attention_in_blocks, causal_attention


@pytest.mark.parametrize("length", [1, 100, 128, 300])
def test_blocks_gather_what_the_kernel_gathers(length):
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(2, 3, length, 8, generator=generator, requires_grad=True) for _ in range(3))
    found, wanted = attention_in_blocks(q, k, v), F.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(found, wanted)
    weights = torch.randn(found.shape, generator=generator)
    for ours, theirs in zip(
        torch.autograd.grad((found * weights).sum(), (q, k, v)),
        torch.autograd.grad((wanted * weights).sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_shared_heads_and_compiling_change_nothing():
    generator = torch.Generator().manual_seed(1)
    q = torch.randn(1, 4, 150, 8, generator=generator)
    k, v = (torch.randn(1, 2, 150, 8, generator=generator) for _ in range(2))
    compiled = torch.compile(causal_attention, backend="aot_eager")
    torch.testing.assert_close(compiled(q, k, v), causal_attention(q, k, v))
