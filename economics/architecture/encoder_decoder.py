"""The encoder-decoder Transformer: the original of 2017, T5 and its gated form, BART, and Whisper, which reads sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from economics.architecture.base import Parameters


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderDecoder:
    """An encoder whose output every decoder layer attends to.

    >>> t5_base = EncoderDecoder(num_encoder_layers=12, num_decoder_layers=12, model_width=768, num_heads=12,
    ...                          head_width=64, feed_forward_width=3072, vocabulary_size=32128)
    >>> t5_base.parameters().total
    222903552
    """

    num_encoder_layers: int
    num_decoder_layers: int
    model_width: int
    num_heads: int
    feed_forward_width: int
    vocabulary_size: int
    head_width: int = 0
    """Width of a head; 0: model width / heads."""
    gated: bool = False
    bias: bool = False
    norm: Literal["rms", "layer"] = "rms"
    norms: Literal["pre", "post"] = "pre"
    """pre: also a last norm on each side; post: none after the last layer."""
    positions: Literal["relative", "sinusoidal", "learned"] = "relative"
    """relative: a bias per head and distance bucket on each side; learned: a matrix on each side."""
    num_buckets: int = 32
    context_length: int = 512
    num_extra_positions: int = 0
    num_source_positions: int = 0
    """Rows of the encoder's position matrix, where it has others than the decoder's; 0: as many."""
    num_mel_channels: int = 0
    """Channels of a spectrogram that two convolutions over time turn into the source, one token for two frames; 0: text."""
    key_bias: bool = True
    """Keys have a bias where the other projections have one."""
    embedding_norm: bool = False
    tied_embeddings: bool = True
    name: str = ""

    @property
    def kind(self) -> str:
        """Always encoder-decoder."""
        return "encoder-decoder"

    @property
    def inner(self) -> int:
        """Width of all heads together."""
        return self.num_heads * (self.head_width or self.model_width // self.num_heads)

    @property
    def attention_matmul(self) -> int:
        """Parameters in the four matrices of one attention."""
        return 4 * self.model_width * self.inner

    @property
    def feed_forward_matmul(self) -> int:
        """Parameters in the matrices of one feed-forward part."""
        return (3 if self.gated else 2) * self.model_width * self.feed_forward_width

    @property
    def stem_matmul_per_token(self) -> int:
        """Weights that one token of the source meets in the two convolutions over frames: the first runs twice for it."""
        d = self.model_width
        return 3 * d * (2 * self.num_mel_channels + d) if self.num_mel_channels else 0

    def parameters(self) -> Parameters:
        """Count the parameters by part."""
        d, f, mel = self.model_width, self.feed_forward_width, self.num_mel_channels
        ne, nd = self.num_encoder_layers, self.num_decoder_layers
        attention = self.attention_matmul + ((2 + self.key_bias) * self.inner + d if self.bias else 0)
        feed_forward = self.feed_forward_matmul + (f * (2 if self.gated else 1) + d if self.bias else 0)
        norm = d * (2 if self.norm == "layer" else 1)
        last = 2 if self.norms == "pre" else 0
        positions = {
            "relative": 2 * self.num_buckets * self.num_heads,
            "sinusoidal": 0,
            "learned": (
                self.context_length + (self.num_source_positions or self.context_length) + 2 * self.num_extra_positions
            )
            * d,
        }[self.positions]
        table = self.vocabulary_size * d
        parts = {
            "embedding": table,
            "frames": 3 * d * (mel + d) + 2 * d if mel else 0,
            "positions": positions,
            "encoder_attention": ne * attention,
            "decoder_attention": nd * attention,
            "cross_attention": nd * attention,
            "feed_forward": (ne + nd) * feed_forward,
            "norms": norm * (2 * ne + 3 * nd + last + (2 if self.embedding_norm else 0)),
            "output_head": 0 if self.tied_embeddings else table,
        }
        matmul = (ne + 2 * nd) * self.attention_matmul + (ne + nd) * self.feed_forward_matmul + table
        matmul += 3 * d * (mel + d) if mel else 0
        parts = {name: count for name, count in parts.items() if count}
        return Parameters(by_part=parts, active_by_part=dict(parts), matmul=matmul, active_matmul=matmul)
