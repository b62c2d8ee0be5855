"""Layers whose weights are integers with scales. Sizes in comments: N outputs, K inputs, G = K / 32 groups.

int8   one scale a row:       w[n, k] ~ q[n, k] * s[n],              q from -127 to 127
int4   one scale a group:     w[n, k] ~ (q[n, k] - 8) * s[n, k / 32], q from 0 to 15, two in a byte

Both round to the nearest and are symmetric. On a processor torch's own kernels multiply packed weights with bfloat16;
elsewhere, and where many rows come at once, the weights are widened first, which costs less than it saves. Inputs and
products are rounded to bfloat16 either way, so that a text is read alike whether its tokens come one by one or together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

GROUP = 32
MOST_INT8, MOST_INT4 = 127, 7
KERNEL_OUTPUTS = 16
"""torch's int4 kernel computes so many outputs at once and takes no rest."""
FEW_ROWS = 32
"""Up to so many rows the packed kernel is the quicker one."""


class Int8Linear(nn.Module):
    """A linear layer with int8 weights."""

    def __init__(self, num_outputs: int, num_inputs: int, *, bias: bool) -> None:
        super().__init__()
        self.q: Tensor
        self.scale: Tensor
        self.register_buffer("q", torch.zeros(num_outputs, num_inputs, dtype=torch.int8))  # (N, K)
        self.register_buffer("scale", torch.zeros(num_outputs))  # (N,)
        self.bias = nn.Parameter(torch.zeros(num_outputs), requires_grad=False) if bias else None

    @classmethod
    @torch.no_grad()
    def of(cls, layer: nn.Linear) -> Int8Linear:
        made = cls(layer.out_features, layer.in_features, bias=layer.bias is not None)
        made.q, made.scale = to_int8(layer.weight)
        if made.bias is not None:
            made.bias.copy_(layer.bias)
        return made

    @property
    def weight(self) -> Tensor:
        """The weights (N, K), widened."""
        return self.q.float() * self.scale[:, None]

    def rows(self, numbers: Tensor) -> Tensor:
        """Return the weights (..., K) of some outputs (...), widened."""
        return self.q[numbers].float() * self.scale[numbers].unsqueeze(-1)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)  # (R, K)
        if x.device.type != "cpu":
            y = F.linear(rows, self.weight.type_as(x))
        elif rows.size(0) <= FEW_ROWS:
            y = torch._weight_int8pack_mm(rows.bfloat16().contiguous(), self.q, self.scale.bfloat16()).type_as(x)
        else:
            y = (
                (F.linear(rows.bfloat16().float(), self.q.float()) * self.scale.bfloat16().float())
                .bfloat16()
                .type_as(x)
            )
        y = y if self.bias is None else y + self.bias.type_as(y)
        return y.view(*x.shape[:-1], -1)


class Int4Linear(nn.Module):
    """A linear layer with int4 weights; K is a multiple of 32."""

    def __init__(self, num_outputs: int, num_inputs: int, *, bias: bool) -> None:
        super().__init__()
        self.q: Tensor
        self.scale: Tensor
        self.register_buffer("q", torch.zeros(num_outputs, num_inputs // 2, dtype=torch.uint8))  # (N, K / 2)
        self.register_buffer("scale", torch.zeros(num_outputs, num_inputs // GROUP, dtype=torch.bfloat16))  # (N, G)
        self.bias = nn.Parameter(torch.zeros(num_outputs), requires_grad=False) if bias else None
        self._packed: tuple[Tensor, Tensor] | None = None
        self._has_kernel = num_outputs % KERNEL_OUTPUTS == 0

    @classmethod
    @torch.no_grad()
    def of(cls, layer: nn.Linear) -> Int4Linear:
        made = cls(layer.out_features, layer.in_features, bias=layer.bias is not None)
        q, made.scale = to_int4(layer.weight)
        made.q = q[:, 0::2] | q[:, 1::2] << 4
        if made.bias is not None:
            made.bias.copy_(layer.bias)
        return made

    @property
    def integers(self) -> Tensor:
        """The integers (N, K), from 0 to 15."""
        return unpacked_int4(self.q)

    @property
    def weight(self) -> Tensor:
        """The weights (N, K), widened."""
        return widened_int4(self.q, self.scale)

    def rows(self, numbers: Tensor) -> Tensor:
        """Return the weights (..., K) of some outputs (...), widened."""
        return widened_int4(self.q[numbers], self.scale[numbers])

    def packed(self) -> tuple[Tensor, Tensor]:
        """Return weights and scales as the kernel reads them, made once."""
        if self._packed is None:
            weights = torch._convert_weight_to_int4pack_for_cpu(self.integers.int(), 1)
            scales = torch.stack([self.scale, torch.zeros_like(self.scale)], dim=-1)  # (N, G, 2)
            self._packed = weights, scales.transpose(0, 1).contiguous()  # (G, N, 2)
        return self._packed

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)  # (R, K)
        if x.device.type != "cpu" or not self._has_kernel:
            y = F.linear(rows, self.weight.type_as(x))
        elif rows.size(0) <= FEW_ROWS:
            weights, scales = self.packed()
            y = torch._weight_int4pack_mm_for_cpu(rows.bfloat16().contiguous(), weights, GROUP, scales).type_as(x)
        else:
            y = F.linear(rows.bfloat16().float(), self.weight).bfloat16().type_as(x)
        y = y if self.bias is None else y + self.bias.type_as(y)
        return y.view(*x.shape[:-1], -1)


class DynamicInt8Linear(Int8Linear):
    """int8 weights and int8 inputs: each row of the input gets a scale of its own, and integers are multiplied."""

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2).float()  # (R, K)
        q, scale = to_int8(rows)
        y = torch._int_mm(pad_rows(q), self.q.t())[: len(rows)].float() * scale[:, None] * self.scale  # (R, N)
        y = y if self.bias is None else y + self.bias
        return y.type_as(x).view(*x.shape[:-1], -1)


class Int8Embedding(nn.Module):
    """A table of vectors in int8, one scale a row."""

    def __init__(self, num_rows: int, width: int) -> None:
        super().__init__()
        self.q: Tensor
        self.scale: Tensor
        self.register_buffer("q", torch.zeros(num_rows, width, dtype=torch.int8))
        self.register_buffer("scale", torch.zeros(num_rows))

    @classmethod
    @torch.no_grad()
    def of(cls, table: nn.Embedding) -> Int8Embedding:
        made = cls(table.num_embeddings, table.embedding_dim)
        made.q, made.scale = to_int8(table.weight)
        return made

    @property
    def weight(self) -> Tensor:
        return self.q.float() * self.scale[:, None]

    def as_head(self) -> Int8Linear:
        """Return the layer that scores a hidden state against each row; it holds the table's own numbers."""
        head = Int8Linear(0, 0, bias=False)
        head.q, head.scale = self.q, self.scale
        return head

    def rows(self, numbers: Tensor) -> Tensor:
        """Return some rows (..., D), widened."""
        return self.q[numbers].float() * self.scale[numbers].unsqueeze(-1)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.rows(tokens)


class Int8EmbeddingBag(Int8Embedding):
    """The same where a bag of rows is looked up at once, and averaged or added."""

    def __init__(self, num_rows: int, width: int, *, mode: str) -> None:
        super().__init__(num_rows, width)
        self.mode = mode

    @classmethod
    @torch.no_grad()
    def of_bags(cls, table: nn.EmbeddingBag) -> Int8EmbeddingBag:
        made = cls(table.num_embeddings, table.embedding_dim, mode=table.mode)
        made.q, made.scale = to_int8(table.weight)
        return made

    def forward(self, numbers: Tensor, starts: Tensor | None = None) -> Tensor:
        """Return bags (B, D): of numbers (B, L), or of a flat list and where each bag begins."""
        rows = self.rows(numbers.flatten())  # (B L, D)
        places = torch.arange(len(rows), device=rows.device)
        return F.embedding_bag(places if starts is not None else places.view_as(numbers), rows, starts, mode=self.mode)


def unpacked_int4(q: Tensor) -> Tensor:
    """Return the integers (..., K), from 0 to 15, of two in a byte (..., K / 2)."""
    return torch.stack([q & 15, q >> 4], dim=-1).flatten(-2)


def widened_int4(q: Tensor, scale: Tensor) -> Tensor:
    """Return the weights (..., K) of packed integers (..., K / 2) and their scales (..., K / 32)."""
    return (unpacked_int4(q).float() - 8) * scale.float().repeat_interleave(GROUP, dim=-1)


def to_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return integers (N, K) and a scale for each row (N,) of weights (N, K)."""
    scale = weight.abs().amax(dim=1).float().clamp(min=torch.finfo(torch.float32).tiny) / MOST_INT8
    return (weight / scale[:, None]).round().to(torch.int8), scale


def to_int4(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return integers from 0 to 15 (N, K) and a scale for each group of 32 (N, K / 32) of weights (N, K)."""
    groups = weight.float().reshape(len(weight), -1, GROUP)  # (N, G, 32)
    scale = (groups.abs().amax(dim=2).clamp(min=1e-30) / MOST_INT4).bfloat16()
    q = (groups / scale.float().unsqueeze(-1)).round().clamp(-8, 7) + 8
    return q.flatten(1).to(torch.uint8), scale


def pad_rows(q: Tensor) -> Tensor:
    """Return at least 17 rows: fewer the integer product does not take on every device."""
    return q if len(q) > 16 else F.pad(q, (0, 0, 0, 17 - len(q)))
