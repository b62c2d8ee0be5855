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

_BERT = {"layers": 12, "width": 768, "heads": 12, "inner": 3072, "vocabulary": 30522, "types": 2, "pooler": True}
_ENCODERS: dict[str, dict[str, Any]] = {
    "bert": _BERT,
    "roberta": _BERT | {"vocabulary": 50265},
    "xlm-roberta": _BERT,
    "camembert": _BERT,
    "distilbert": _BERT | {"layers": 6, "types": 0, "pooler": False},
    "mpnet": _BERT | {"vocabulary": 30527, "types": 0, "buckets": 32},
    "electra": _BERT | {"width": 256, "heads": 4, "inner": 1024, "pooler": False, "table": 128},
    "albert": _BERT | {"width": 4096, "heads": 64, "inner": 16384, "vocabulary": 30000, "table": 128, "groups": 1},
}
"""Defaults of the encoders' fields, by model type."""


def _encoder(config: dict[str, Any], name: str) -> Architecture:
    get, usual = config.get, _ENCODERS[config["model_type"]]
    groups = usual.get("groups", 0) and int(get("num_hidden_groups") or 1) * int(get("inner_group_num") or 1)
    return Encoder(
        num_layers=int(get("num_hidden_layers") or get("n_layers") or usual["layers"]),
        model_width=int(get("hidden_size") or get("dim") or usual["width"]),
        num_heads=int(get("num_attention_heads") or get("n_heads") or usual["heads"]),
        feed_forward_width=int(get("intermediate_size") or get("hidden_dim") or usual["inner"]),
        vocabulary_size=int(get("vocab_size") or usual["vocabulary"]),
        context_length=int(get("max_position_embeddings") or 512),
        num_types=int(get("type_vocab_size", usual["types"])) if usual["types"] else 0,
        pooler=usual["pooler"],
        embedding_width=int(get("embedding_size") or usual["table"]) if "table" in usual else 0,
        num_distinct_layers=groups,
        num_buckets=int(get("relative_attention_num_buckets") or usual["buckets"]) if "buckets" in usual else 0,
        name=name,
    )


def _deberta(config: dict[str, Any], name: str) -> Architecture:
    """DeBERTa of the second and third version, whose distances are seen by the projections of the tokens themselves."""
    get = config.get
    relative = bool(get("relative_attention", False))
    if relative and not get("share_att_key", False):
        raise InputError("share_att_key", get("share_att_key"), "true (projections of distances alone are not counted)")
    if int(get("conv_kernel_size") or 0):
        raise InputError(
            "conv_kernel_size", get("conv_kernel_size"), "0 (a convolution beside attention is not counted)"
        )
    buckets, farthest = int(get("position_buckets") or -1), int(get("max_relative_positions") or -1)
    context = int(get("max_position_embeddings") or 512)
    distances = buckets if buckets > 0 else farthest if farthest > 0 else context
    return Encoder(
        num_layers=int(get("num_hidden_layers") or 24),
        model_width=int(get("hidden_size") or 1536),
        num_heads=int(get("num_attention_heads") or 24),
        feed_forward_width=int(get("intermediate_size") or 6144),
        vocabulary_size=int(get("vocab_size") or 128100),
        context_length=context if get("position_biased_input", True) else 0,
        num_types=int(get("type_vocab_size", 0)),
        pooler=False,
        relative_rows=2 * distances if relative else 0,
        relative_norm=relative and "layer_norm" in str(get("norm_rel_ebd") or ""),
        name=name,
    )


def _modernbert(config: dict[str, Any], name: str) -> Architecture:
    get = config.get
    layers, bias = int(get("num_hidden_layers") or 22), [bool(get(f)) for f in ("attention_bias", "mlp_bias")]
    if bias[0] != bias[1]:
        raise InputError(
            "mlp_bias", bias[1], f"as attention_bias ({bias[0]}): biases of one part alone are not counted"
        )
    kinds = get("layer_types")
    step = int(get("global_attn_every_n_layers") or 3)
    whole = sum(kind == "full_attention" for kind in kinds) if isinstance(kinds, list) else -(-layers // step)
    return Encoder(
        num_layers=layers,
        model_width=int(get("hidden_size") or 768),
        num_heads=int(get("num_attention_heads") or 12),
        feed_forward_width=int(get("intermediate_size") or 1152),
        vocabulary_size=int(get("vocab_size") or 50368),
        context_length=int(get("max_position_embeddings") or 8192),
        rotary=True,  # and the norm after the table stands in for the first layer's
        num_types=0,
        pooler=False,
        gated=True,
        bias=bias[0],
        norm_bias=bool(get("norm_bias")),
        window=int(get("local_attention") or 128),
        num_window_layers=layers - whole,
        name=name,
    )


def _whisper(config: dict[str, Any], name: str) -> Architecture:
    get = config.get
    return EncoderDecoder(
        num_encoder_layers=int(get("encoder_layers") or 4),
        num_decoder_layers=int(get("decoder_layers") or 4),
        model_width=int(get("d_model") or 384),
        num_heads=int(get("encoder_attention_heads") or 6),
        feed_forward_width=int(get("encoder_ffn_dim") or 1536),
        vocabulary_size=int(get("vocab_size") or 51865),
        bias=True,
        key_bias=False,
        norm="layer",
        positions="learned",
        context_length=int(get("max_target_positions") or 448),
        num_source_positions=int(get("max_source_positions") or 1500),
        num_mel_channels=int(get("num_mel_bins") or 80),
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
        norms="pre" if config["model_type"] == "mbart" else "post",
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
    **dict.fromkeys(_ENCODERS, _encoder),
    "deberta-v2": _deberta,
    "modernbert": _modernbert,
    "whisper": _whisper,
    "t5": _t5,
    "mt5": _t5,
    "bart": _bart,
    "mbart": _bart,
    "vit": _vit,
    "resnet": _resnet,
}
