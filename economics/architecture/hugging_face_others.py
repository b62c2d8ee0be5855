"""Readers of config.json for encoders, encoder-decoders, and networks for images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from economics.architecture.base import Architecture
from economics.architecture.convolution import ResNet
from economics.architecture.encoder import Encoder
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.vision import VisionTransformer
from economics.errors import InputError


def _encoder(config: dict[str, Any], name: str) -> Architecture:
    get = config.get
    model_type = config["model_type"]
    small = model_type == "distilbert"
    return Encoder(
        num_layers=int(get("num_hidden_layers") or get("n_layers") or (6 if small else 12)),
        model_width=int(get("hidden_size") or get("dim") or 768),
        num_heads=int(get("num_attention_heads") or get("n_heads") or 12),
        feed_forward_width=int(get("intermediate_size") or get("hidden_dim") or 3072),
        vocabulary_size=int(get("vocab_size") or (50265 if model_type == "roberta" else 30522)),
        context_length=int(get("max_position_embeddings") or 512),
        num_types=0 if small else int(get("type_vocab_size", 2)),
        pooler=not small,
        name=name,
    )


def _t5(config: dict[str, Any], name: str) -> Architecture:
    get = config.get
    multilingual = config["model_type"] in ("mt5", "umt5")
    if multilingual and config["model_type"] == "umt5":
        raise InputError("model_type", "umt5", "t5 or mt5 (umt5 has a position bias in every layer)")
    layers = int(get("num_layers") or (8 if multilingual else 6))
    projection = str(get("feed_forward_proj") or ("gated-gelu" if multilingual else "relu"))
    return EncoderDecoder(
        num_encoder_layers=layers,
        num_decoder_layers=int(get("num_decoder_layers") or layers),
        model_width=int(get("d_model") or 512),
        num_heads=int(get("num_heads") or (6 if multilingual else 8)),
        head_width=int(get("d_kv") or 64),
        feed_forward_width=int(get("d_ff") or (1024 if multilingual else 2048)),
        vocabulary_size=int(get("vocab_size") or (250112 if multilingual else 32128)),
        gated=projection.startswith("gated"),
        num_buckets=int(get("relative_attention_num_buckets") or 32),
        tied_embeddings=bool(get("tie_word_embeddings", True)),
        name=name,
    )


def _bart(config: dict[str, Any], name: str) -> Architecture:
    get = config.get
    inner = int(get("encoder_ffn_dim") or 4096)
    if int(get("decoder_ffn_dim") or 4096) != inner:
        raise InputError("decoder_ffn_dim", get("decoder_ffn_dim"), f"as wide as encoder_ffn_dim ({inner})")
    return EncoderDecoder(
        num_encoder_layers=int(get("encoder_layers") or 12),
        num_decoder_layers=int(get("decoder_layers") or 12),
        model_width=int(get("d_model") or 1024),
        num_heads=int(get("encoder_attention_heads") or 16),
        feed_forward_width=inner,
        vocabulary_size=int(get("vocab_size") or 50265),
        bias=True,
        norm="layer",
        norms="post",
        positions="learned",
        context_length=int(get("max_position_embeddings") or 1024),
        num_extra_positions=2,
        embedding_norm=True,
        name=name,
    )


def _vit(config: dict[str, Any], name: str) -> Architecture:
    get = config.get
    heads = [str(a) for a in get("architectures") or []]
    labels = get("id2label")
    named = any("Classification" in a for a in heads)
    classifies = named if heads else bool(labels) or "num_labels" in config
    return VisionTransformer(
        num_layers=int(get("num_hidden_layers") or 12),
        model_width=int(get("hidden_size") or 768),
        num_heads=int(get("num_attention_heads") or 12),
        feed_forward_width=int(get("intermediate_size") or 3072),
        patch_size=int(get("patch_size") or 16),
        image_size=int(get("image_size") or 224),
        num_channels=int(get("num_channels") or 3),
        num_classes=(len(labels) if labels else int(get("num_labels", 2))) if classifies else 0,
        qkv_bias=bool(get("qkv_bias", True)),
        pooler=not classifies,
        name=name,
    )


def _resnet(config: dict[str, Any], name: str) -> Architecture:
    get = config.get
    block: Literal["bottleneck", "basic"] = "basic" if get("layer_type") == "basic" else "bottleneck"
    sizes = get("hidden_sizes") or [256, 512, 1024, 2048]
    labels = get("id2label")
    return ResNet(
        depths=tuple(get("depths") or (3, 4, 6, 3)),
        block=block,
        stem_width=int(get("embedding_size") or 64),
        widths=tuple(size // 4 if block == "bottleneck" else size for size in sizes),
        num_channels=int(get("num_channels") or 3),
        num_classes=len(labels) if labels else int(get("num_labels", 1000)),
        name=name,
    )


OTHER_READERS: dict[str, Callable[[dict[str, Any], str], Architecture]] = {
    "bert": _encoder,
    "roberta": _encoder,
    "xlm-roberta": _encoder,
    "camembert": _encoder,
    "distilbert": _encoder,
    "t5": _t5,
    "mt5": _t5,
    "bart": _bart,
    "vit": _vit,
    "resnet": _resnet,
}
