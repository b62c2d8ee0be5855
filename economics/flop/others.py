"""FLOP of encoders, encoder-decoders, networks for images, and recommenders."""

from __future__ import annotations

from economics.architecture.base import Architecture
from economics.architecture.convolution import ConvolutionalNetwork
from economics.architecture.decoder import Decoder
from economics.architecture.detector import Fcos
from economics.architecture.encoder import Encoder
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.recommender import DLRM, Recommender, SASRec, TwoTower, dense_weights
from economics.architecture.vision import VisionTransformer
from economics.errors import InputError
from economics.flop.decoder import Flop, forward_flop_per_token


def flop_per_example(architecture: Architecture, *, sequence_length: int = 512, target_length: int = 0) -> Flop:
    """Return the FLOP of one example's forward pass: a sequence, a pair of sequences, an image, a recommendation.

    Products count 2 FLOP per multiply-accumulate (many tables of image networks print half: multiply-accumulates).
    Attention is counted over the whole square; norms, activations, poolings and look-ups are left out. Training takes
    three times as much.

    Parameters
    ----------
    sequence_length : tokens of a text (of the source, in an encoder-decoder)
    target_length : tokens of the target; 0: as many as the source

    >>> from economics.architecture.lookup import preset
    >>> round(flop_per_example(preset("resnet-50")).total / 1e9, 2)
    8.18
    """
    if isinstance(architecture, Decoder):
        return forward_flop_per_token(architecture, sequence_length).times(sequence_length)
    if isinstance(architecture, Encoder):
        parts = _encoder(architecture, sequence_length)
    elif isinstance(architecture, EncoderDecoder):
        parts = _encoder_decoder(architecture, sequence_length, target_length or sequence_length)
    elif isinstance(architecture, VisionTransformer):
        parts = _vision(architecture)
    elif isinstance(architecture, ConvolutionalNetwork | Fcos):
        parts = {}
        for layer in architecture.layers():
            part = layer.name.split(".")[0]
            parts[part] = parts.get(part, 0.0) + layer.flop
    elif isinstance(architecture, DLRM):
        parts = _dlrm(architecture)
    elif isinstance(architecture, TwoTower):
        user, item = architecture.widths()
        parts = {"user_tower": 2.0 * dense_weights(user), "item_tower": 2.0 * dense_weights(item)}
        parts["product"] = 2.0 * architecture.tower[-1]
    elif isinstance(architecture, SASRec):
        n, t, d = architecture.num_layers, architecture.context_length, architecture.embedding_width
        parts = {
            "attention_projections": 8.0 * n * t * d * d,
            "attention_products": 4.0 * n * t * t * d,
            "feed_forward": 4.0 * n * t * d * architecture.inner,
            "product": 2.0 * d,
        }
    else:
        raise InputError("model", architecture.kind, "an architecture that this package counts")
    return Flop(by_part=parts, convention="full")


def _encoder(e: Encoder, s: int) -> dict[str, float]:
    d, n = e.model_width, e.num_layers
    seen = (n - e.num_window_layers) * s + e.num_window_layers * min(s, e.window or s)
    return {
        "attention_projections": 8.0 * n * s * d * d,
        "attention_products": 4.0 * s * seen * d,
        "feed_forward": 2.0 * n * s * e.feed_forward_matmul,
        "pooler": 2.0 * d * d if e.pooler else 0.0,
    }


def _encoder_decoder(e: EncoderDecoder, source: int, target: int) -> dict[str, float]:
    ne, nd, inner = e.num_encoder_layers, e.num_decoder_layers, e.inner
    half = e.attention_matmul / 2
    return {
        "frames": 2.0 * source * e.stem_matmul_per_token,
        "encoder_attention": 2.0 * ne * source * e.attention_matmul + 4.0 * ne * source * source * inner,
        "decoder_attention": 2.0 * nd * target * e.attention_matmul + 4.0 * nd * target * target * inner,
        # queries and output are of the target, keys and values of the source
        "cross_attention": 2.0 * nd * half * (source + target) + 4.0 * nd * source * target * inner,
        "feed_forward": 2.0 * (ne * source + nd * target) * e.feed_forward_matmul,
        "output_head": 2.0 * target * e.vocabulary_size * e.model_width,
    }


def _vision(v: VisionTransformer) -> dict[str, float]:
    n, t, d = v.num_layers, v.num_tokens, v.model_width
    return {
        "patches": 2.0 * (t - 1) * v.patch_matmul,
        "attention_projections": 8.0 * n * t * d * d,
        "attention_products": 4.0 * n * t * t * d,
        "feed_forward": 4.0 * n * t * d * v.feed_forward,
        "output_head": 2.0 * d * v.num_classes,
    }


def _dlrm(m: DLRM) -> dict[str, float]:
    width, features = m.interaction_width, m.num_features
    if m.interaction == "cross":
        interaction = 2.0 * m.cross_layers * 2 * width * m.cross_rank
    else:
        interaction = 2.0 * features * (features - 1) / 2 * m.embedding_width
    return {
        "bottom": 2.0 * dense_weights(m.bottom),
        "interaction": interaction,
        "top": 2.0 * dense_weights((width, *m.top)),
    }


def embedding_bytes_per_example(model: Recommender, *, value_bytes: float = 4.0) -> float:
    """Return the bytes of tables that one example reads: a look-up is memory traffic, not arithmetic.

    >>> from economics.architecture.lookup import preset
    >>> embedding_bytes_per_example(preset("two-tower"))
    1280.0
    """
    if isinstance(model, SASRec):
        return value_bytes * len(model.table_rows) * model.context_length * model.embedding_width
    num_tables = len(model.user_rows) + len(model.item_rows) if isinstance(model, TwoTower) else len(model.table_rows)
    return value_bytes * num_tables * model.rows_per_lookup * model.embedding_width
