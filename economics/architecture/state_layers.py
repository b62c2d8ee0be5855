"""Layers that carry a state of fixed size along the sequence, where attention keeps every key and value.

Each token updates the state and reads it: work and memory per token are the same however long the sequence is. Four kinds:

- `mamba`: every channel has a state of N numbers, decaying by what the token says (Gu and Dao 2023, arXiv 2312.00752);
- `mamba2`: one decay for a whole head, so that chunks become products (Dao and Gu 2024, arXiv 2405.21060);
- `delta`: a head's state is a matrix of keys by values that each token corrects (Yang et al. 2024, arXiv 2412.06464);
- `convolution`: the last few tokens, weighed by what this one says (short gated convolutions).

Units: parameters, numbers of state per sequence, FLOP per token. Left out: the small gain of chunked products over their
loss by computing more.

>>> mamba2 = StateLayer(kind="mamba2", inner=8192, state_width=128, num_heads=128, num_groups=8)
>>> mamba2.parameters(4096) == 4096 * 18560 + 10240 * 5 + 3 * 128 + 8192 + 8192 * 4096
True
>>> mamba2.state_numbers == 8192 * 128 + 10240 * 3
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class StateLayer:
    """The part of a layer that stands in place of attention, or beside it."""

    kind: Literal["mamba", "mamba2", "delta", "convolution"]
    inner: int
    """Channels inside; for `delta` the width of all value heads."""
    state_width: int = 0
    """Numbers of state per channel; for `delta` the width of a key head; for `convolution` none."""
    num_heads: int = 1
    """Heads with a decay of their own (`mamba2`), or value heads (`delta`)."""
    num_groups: int = 1
    """Groups that share what writes and reads the state (`mamba2`), or key heads (`delta`)."""
    rank: int = 0
    """Width through which the decays of all channels are made (`mamba`)."""
    kernel: int = 4
    """Tokens that the short convolution before the state sees."""
    kernel_bias: bool = True
    bias: bool = False
    """The matrices into and out of the layer have biases."""
    inner_norm: bool = True
    """A norm on what is read (`mamba2`, `delta`), or on what writes and reads (`mamba`)."""

    @property
    def convolved(self) -> int:
        """Channels that pass the short convolution."""
        beside = self.kind in ("mamba2", "delta")  # what writes and reads the state passes it too
        return self.inner + (2 * self.num_groups * self.state_width if beside else 0)

    @property
    def columns_in(self) -> int:
        """Width of the matrices into the layer, together."""
        return {
            "mamba": 2 * self.inner,
            "mamba2": self.inner + self.convolved + self.num_heads,
            "delta": self.inner + self.convolved + 2 * self.num_heads,
            "convolution": 3 * self.inner,
        }[self.kind]

    def matrices(self, model_width: int) -> tuple[tuple[str, int, int], ...]:
        """Name, rows and columns of each matrix."""
        narrow = self.rank + 2 * self.state_width
        inside = (
            (("state_select", self.inner, narrow), ("state_decay", self.rank, self.inner))
            if self.kind == "mamba"
            else ()
        )
        return (
            ("state_in", model_width, self.columns_in),
            *inside,
            ("state_out", self.inner, model_width),
        )

    def parameters(self, model_width: int) -> int:
        """All parameters of one layer's part."""
        count = sum(rows * columns for _, rows, columns in self.matrices(model_width))
        count += self.convolved * (self.kernel + self.kernel_bias)
        count += (self.columns_in + model_width) * self.bias
        if self.kind == "mamba":  # decays and skips, a bias of the decays, and norms
            return count + self.inner * (self.state_width + 2) + (self.rank + 2 * self.state_width) * self.inner_norm
        if self.kind == "mamba2":
            return count + 3 * self.num_heads + self.inner * self.inner_norm
        if self.kind == "delta":
            return count + 2 * self.num_heads + self.inner // self.num_heads * self.inner_norm
        return count

    @property
    def state_numbers(self) -> int:
        """Numbers that are kept per sequence, whatever its length: the state and the convolution's last tokens."""
        return self.inner * self.state_width + self.convolved * (self.kernel - 1)

    @property
    def flop_per_token(self) -> float:
        """Forward FLOP beyond the matrices: a number of state decays, is added to and read, or is also corrected."""
        each = 8.0 if self.kind == "delta" else 6.0
        return each * self.inner * self.state_width + 2.0 * self.convolved * self.kernel

    def saved_values_per_token(self, model_width: int) -> float:
        """Values that the backward pass needs of one token: the layer's input, what came in, what was convolved and read."""
        return model_width + self.columns_in + self.convolved + 2.0 * self.inner
