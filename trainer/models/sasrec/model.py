"""SASRec. The last item stands at the right edge; the score of an item is the product of its embedding and what is read there.

B users, L places, D width, S items drawn, N items
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.data.interactions.store import Item
from trainer.models.sasrec.spec import SasrecSpec
from trainer.recommend.examples import padded
from trainer.recommend.model import VectorRecommender, table
from trainer.recommend.negatives import draw, sampled_softmax, whole_softmax
from trainer.recommend.spec import wants_sparse
from trainer.training.task import Batch


class Block(nn.Module):
    """Norm, causal attention, norm, feed-forward; each added to what came in."""

    def __init__(self, spec: SasrecSpec, dropout: float) -> None:
        super().__init__()
        D = spec.embedding_width
        self.num_heads, self.dropout = spec.num_heads, dropout
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(D), nn.LayerNorm(D)
        self.query_key_value, self.output = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.feed_forward = nn.Sequential(
            nn.Linear(D, spec.inner), nn.GELU(), nn.Dropout(dropout), nn.Linear(spec.inner, D)
        )

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        B, L, D = x.shape
        parts = self.query_key_value(self.attention_norm(x)).view(B, L, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        read = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=allowed, dropout_p=dropout)
        x = x + F.dropout(self.output(read.transpose(1, 2).reshape(B, L, D)), self.dropout, self.training)
        out: Tensor = x + F.dropout(self.feed_forward(self.feed_forward_norm(x)), self.dropout, self.training)
        return out


class Sasrec(VectorRecommender):
    def __init__(self, spec: SasrecSpec, items: Sequence[Item], *, num_item_features: int, dropout: float) -> None:
        super().__init__(items)
        self.spec, self.dropout = spec, dropout
        D = spec.embedding_width
        self.item_embedding = table(len(items), D, sparse=wants_sparse(spec.sparse_tables, len(items)))
        self.item_feature_embedding = table(num_item_features, D, sparse=False) if num_item_features else None
        self.position_embedding = nn.Parameter(torch.randn(spec.max_history, D) * D**-0.5)
        self.blocks = nn.ModuleList(Block(spec, dropout) for _ in range(spec.num_layers))
        self.norm = nn.LayerNorm(D)

    def item_vectors(self, items: Tensor) -> Tensor:
        own: Tensor = self.item_embedding(items[:, None]) * self.catalogue.is_known[items]
        if self.item_feature_embedding is None:
            return own
        out: Tensor = own + self.item_feature_embedding(*self.catalogue.feature_bags(items))
        return out

    def read(self, items: Tensor, is_there: Tensor) -> Tensor:
        """Return what is known behind each place (B, L, D) of sequences of items (B, L)."""
        return self.read_vectors(self.item_vectors(items.flatten()).view(*items.shape, -1), is_there)

    def read_vectors(self, x: Tensor, is_there: Tensor) -> Tensor:
        """Return the same of the items' vectors (B, L, D)."""
        L = x.size(1)
        x = x + self.position_embedding[self.spec.max_history - L :]
        x = F.dropout(x, self.dropout, self.training) * is_there[..., None]
        before = torch.ones(L, L, dtype=torch.bool, device=x.device).tril()
        allowed = before & is_there[:, None, :] | torch.eye(L, dtype=torch.bool, device=x.device)
        for block in self.blocks:
            x = block(x, allowed[:, None])
        out: Tensor = self.norm(x)
        return out

    def user_vectors(self, batch: Batch) -> Tensor:
        items, is_there = padded(batch["history"], batch["history_starts"], self.spec.max_history)
        return self.read(items, is_there)[:, -1]

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss over all places of the sequences: each item is foretold from those before it."""
        items, is_there = padded(batch["history"], batch["history_starts"], self.spec.max_history + 1)
        counts = is_there[:, 1:] & is_there[:, :-1]
        queries, positives = self.read(items[:, :-1], is_there[:, :-1])[counts], items[:, 1:][counts]
        if not len(positives):
            return queries.sum() * 0.0
        weights = padded(batch["history_weights"], batch["history_starts"], self.spec.max_history + 1)[0][:, 1:][counts]
        drawn = draw(positives, self.catalogue.counts, self.spec)
        if drawn is None:
            return whole_softmax(queries @ self.all_item_vectors().T, positives, weights)
        taken, others = self.item_vectors(positives), self.item_vectors(drawn.items)
        return sampled_softmax(queries, taken, others, positives, drawn, weights)
