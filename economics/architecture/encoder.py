"""The encoder-only Transformer: BERT, RoBERTa, MiniLM, DistilBERT, ALBERT, ELECTRA, MPNet, DeBERTa, ModernBERT."""

from __future__ import annotations

from dataclasses import dataclass, replace

from economics.architecture.base import Parameters
from economics.architecture.decoder import Decoder
from economics.architecture.forms import classic_decoder
from economics.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoder:
    """A text encoder with learned positions, LayerNorm and biases.

    Its count is (V + s + types) d + 2d + L(12 d² + 13 d) with f = 4d, and d² + d for the pooler
    (Devlin et al. 2018, arXiv 1810.04805).

    >>> Encoder(num_layers=12, model_width=768, num_heads=12, feed_forward_width=3072, vocabulary_size=30522,
    ...         context_length=512).parameters().total
    109482240
    """

    num_layers: int
    model_width: int
    num_heads: int
    feed_forward_width: int
    vocabulary_size: int
    context_length: int = 512
    """Rows of the position matrix (RoBERTa: 514, two of them never used); 0: none."""
    head_width: int = 0
    """Width of a head; 0: model width / heads. Others are left by pruning."""
    num_types: int = 2
    """Rows of the segment matrix; 0: none."""
    pooler: bool = True
    """A dense layer on the first token."""
    embedding_width: int = 0
    """Width of the tables where they are narrower than the model (a dense layer widens them); 0: the model's."""
    num_distinct_layers: int = 0
    """Layers that have weights of their own, where all layers share those of a few; 0: every one."""
    num_buckets: int = 0
    """Distances that each head has a bias for, the same in all layers; 0: none."""
    relative_rows: int = 0
    """Rows of a matrix of distances, which attention compares with the tokens (disentangled attention); 0: none."""
    relative_norm: bool = False
    """A norm over that matrix."""
    rotary: bool = False
    """Positions turn queries and keys, and no matrix holds them."""
    gated: bool = False
    """Feed-forward of three matrices instead of two."""
    bias: bool = True
    """Matrices of the layers have biases."""
    norm_bias: bool = True
    window: int = 0
    """Tokens that a layer with a window looks at, half of them on either side; 0: all."""
    num_window_layers: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        if not self.head_width and self.model_width % self.num_heads:
            raise InputError("num_heads", self.num_heads, f"a divisor of model_width ({self.model_width})")

    @property
    def attention_width(self) -> int:
        """Width of all heads together."""
        return (self.head_width or self.model_width // self.num_heads) * self.num_heads

    @property
    def kind(self) -> str:
        """Always encoder."""
        return "encoder"

    def as_decoder(self) -> Decoder:
        """The same layers as a decoder that sees everything: for time and memory, not for counts.

        Counts of tables differ a little (segments and pooler are left out), those of the layers not at all.
        """
        return replace(
            classic_decoder(
                num_layers=self.num_layers, model_width=self.model_width, num_heads=self.num_heads,
                vocabulary_size=self.vocabulary_size, context_length=self.context_length or 512,
                feed_forward_width=self.feed_forward_width, name=self.name,
            ),
            causal=False,
            head_width=self.head_width,
            positions="rotary" if self.rotary else "learned",
            gated=self.gated,
            window=self.window,
            num_window_layers=self.num_window_layers,
        )  # fmt: skip

    @property
    def layer_matmul(self) -> int:
        """Parameters in a layer's matrices."""
        return 4 * self.model_width * self.attention_width + self.feed_forward_matmul

    @property
    def feed_forward_matmul(self) -> int:
        """Parameters in the matrices of one feed-forward part."""
        return (3 if self.gated else 2) * self.model_width * self.feed_forward_width

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        d, f, a = self.model_width, self.feed_forward_width, self.attention_width
        n, e = self.num_distinct_layers or self.num_layers, self.embedding_width or self.model_width
        parts = {
            "embedding": (self.vocabulary_size + self.num_types) * e + (e * d + d if e != d else 0),
            "positions": ((0 if self.rotary else self.context_length) + self.relative_rows) * e
            + self.num_buckets * self.num_heads,
            "attention": n * (4 * d * a + (3 * a + d if self.bias else 0)),
            "feed_forward": n * (self.feed_forward_matmul + (f * (2 if self.gated else 1) + d if self.bias else 0)),
            # two in a layer; and one more, after the table or after the last layer
            "norms": (2 if self.norm_bias else 1) * (2 * n * d + e) + (2 * d if self.relative_norm else 0),
            "pooler": d * d + d if self.pooler else 0,
        }
        parts = {name: count for name, count in parts.items() if count}
        matmul = self.num_layers * self.layer_matmul  # shared weights multiply as often as there are layers
        return Parameters(by_part=parts, active_by_part=dict(parts), matmul=matmul, active_matmul=matmul)
