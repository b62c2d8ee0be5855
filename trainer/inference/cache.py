"""Keys and values of the tokens read so far, of several texts, in memory that is set aside once.

Sizes in comments: L layers, N rows (one text each), S tokens a row has room for, G key and value heads, K head width;
R rows read now, T tokens of each, E tokens of the longest of them so far.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class KVCache:
    """Each row holds one text from its first token; how much of a row counts is its reader's to know."""

    def __init__(
        self, *, num_layers: int, num_heads: int, head_width: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._shape = (num_layers, num_heads, head_width)
        self.num_rows = self.length = 0
        self.keys = self.values = torch.empty(num_layers, 0, num_heads, 0, head_width, dtype=dtype, device=device)

    def reserve(self, num_rows: int, length: int) -> None:
        """Have room for so many rows of so many tokens; what is there stays."""
        if num_rows <= self.num_rows and length <= self.length:
            return
        rows, tokens = max(num_rows, self.num_rows), max(length, self.length)
        self.keys, self.values = self._grown(self.keys, rows, tokens), self._grown(self.values, rows, tokens)
        self.num_rows, self.length = rows, tokens

    def _grown(self, old: Tensor, num_rows: int, length: int) -> Tensor:
        num_layers, num_heads, head_width = self._shape
        new = old.new_zeros(num_layers, num_rows, num_heads, length, head_width)  # (L, N, G, S, K)
        new[:, : self.num_rows, :, : self.length] = old
        return new

    def copy(self, source: int, target: int, length: int) -> None:
        """Give a row the first tokens of another."""
        for each in (self.keys, self.values):
            each[:, target, :, :length] = each[:, source, :, :length]

    def bytes_of(self, num_rows: int, length: int) -> int:
        num_layers, num_heads, head_width = self._shape
        return 2 * num_layers * num_rows * length * num_heads * head_width * self.keys.element_size()

    @property
    def size_bytes(self) -> int:
        return self.bytes_of(self.num_rows, self.length)


class Places:
    """Where the tokens (R, T) that are read now belong: made once for all layers."""

    def __init__(self, cache: KVCache, rows: Sequence[int], firsts: Sequence[int], num_tokens: int) -> None:
        device = cache.keys.device
        self.cache, self.num_tokens, self.end = cache, num_tokens, max(firsts) + num_tokens
        self.is_from_start = num_tokens > 1 and not any(firsts)
        in_line = list(rows) == list(range(rows[0], rows[0] + len(rows)))
        self.rows: slice | Tensor = (
            slice(rows[0], rows[0] + len(rows)) if in_line else torch.tensor(rows, device=device)
        )
        self.is_together = len(set(firsts)) == 1
        """All rows go on at the same position."""

        offsets = torch.arange(num_tokens, device=device)
        starts = torch.tensor(firsts[:1] if self.is_together else firsts, device=device)
        self.positions = starts[:, None] + offsets  # (R or 1, T)
        self._index = None if in_line and self.is_together else torch.tensor(rows, device=device)[:, None]

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values (R, T, G, K) of a layer; return all that its rows have so far (R, G, E, K)."""
        found = []
        for store, new in ((self.cache.keys[layer], keys), (self.cache.values[layer], values)):
            if self._index is None:
                store[self.rows, :, self.end - self.num_tokens : self.end] = new.transpose(1, 2)
            else:
                store[self._index, :, self.positions] = new.to(store.dtype)
            found.append(store[self.rows, :, : self.end])
        return found[0], found[1]

    def mask(self, dtype: torch.dtype) -> Tensor | None:
        """Return what is added to the scores (R or 1, 1, T, E) so that no token looks ahead; None: all may be seen."""
        if self.is_from_start or (self.num_tokens == 1 and self.is_together):
            return None
        sees = torch.arange(self.end, device=self.positions.device) <= self.positions[:, :, None]  # (R, T, E)
        mask = torch.zeros(sees.shape, dtype=dtype, device=sees.device)
        return mask.masked_fill_(~sees, float("-inf"))[:, None]
