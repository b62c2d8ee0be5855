"""A decoder from its sizes and its model type: the type's form, and what single types do otherwise."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any

from economics.architecture.decoder import Decoder
from economics.architecture.decoder_shape import LatentAttention, Mixture
from economics.architecture.hugging_face_hybrids import with_state


@lru_cache(maxsize=1)
def model_types() -> dict[str, dict[str, Any]]:
    """Return the table of model types (forms and defaults)."""
    text = resources.files("economics.architecture").joinpath("model_types.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def decoder_from_values(
    model_type: str, values: dict[str, Any], config: dict[str, Any] | None = None, *, name: str = ""
) -> Decoder:
    """Return a decoder from values under our names (those of model_types.toml), completed by its type's form.

    >>> values = {**model_types()["llama"]["defaults"], "layers": 40, "width": 5120, "heads": 40, "inner": 13824}
    >>> decoder_from_values("llama", values).parameters().total
    13015864320
    """
    config = config if config is not None else {}
    entry = model_types()[model_type]
    form: dict[str, Any] = dict(entry.get("form", {}))
    _set_biases(form, values)
    _set_quirks(form, values, model_type, config)
    heads = int(values["heads"])
    kv_heads = int(values.get("kv_heads") or heads)
    if "multi_query" in values and not values.get("new_decoder_architecture"):
        kv_heads = int(values.get("query_groups") or 1) if values["multi_query"] else heads
    if "kv_heads" in entry["defaults"] and heads % kv_heads:
        kv_heads = heads
    inner = values.get("inner") or 4 * int(values["width"])
    window, num_window = _window(config, values)
    decoder = Decoder(
        name=name,
        num_layers=int(values["layers"]),
        model_width=int(values["width"]),
        num_heads=heads,
        num_kv_heads=kv_heads,
        head_width=0 if values.get("kv_rank") else int(values.get("head") or int(values["width"]) // heads),
        feed_forward_width=int(inner),
        vocabulary_size=int(values["vocabulary"]),
        context_length=int(values["context"]),
        tied_embeddings=bool(values["tied"]),
        mixture=_mixture(config, values, entry),
        latent=_latent(values),
        window=window,
        num_window_layers=num_window,
        **form,
    )
    return with_state(decoder, entry["state"], values, config) if "state" in entry else decoder


def _set_biases(form: dict[str, Any], values: dict[str, Any]) -> None:
    if values.get("attention_bias"):
        form.setdefault("qkv_bias", True)
        form["attention_output_bias"] = True
        form["qkv_bias"] = True
    if values.get("mlp_bias"):
        form["feed_forward_bias"] = True
    if "qkv_bias" in values:
        form["qkv_bias"] = bool(values["qkv_bias"])
    if values.get("bias"):
        form |= {"qkv_bias": True, "attention_output_bias": True, "feed_forward_bias": True}


def _set_quirks(form: dict[str, Any], values: dict[str, Any], model_type: str, config: dict[str, Any]) -> None:
    """Apply what single types do otherwise."""
    if model_type == "falcon":
        new = bool(values.get("new_decoder_architecture"))
        single = values.get("parallel_attn") and not (new and config.get("num_ln_in_parallel_attn") != 1)
        form["norms_per_layer"] = 1 if single else 2
        if config.get("alibi"):
            form["positions"] = "none"
    elif model_type in ("seed_oss", "glm", "glm4"):
        form["attention_output_bias"] = bool(config.get("attention_out_bias"))
        form["qkv_bias"] = bool(config.get("attention_bias", True))
    elif model_type in ("glm4_moe", "stablelm"):
        if values.get("attention_bias") or values.get("qkv_bias"):
            form["attention_output_bias"] = False
            form["qkv_bias"] = True
        if values.get("use_qk_norm") and model_type == "glm4_moe":
            form["qk_norm"] = "head"
        if model_type == "stablelm" and config.get("use_parallel_residual"):
            form["norms_per_layer"] = 1
        if model_type == "stablelm" and values.get("use_qk_norm"):
            form["qk_norm"] = "full"
    elif model_type in ("internlm", "internlm2", "internlm3"):  # their bias is one of attention alone
        form |= {"qkv_bias": bool(values.get("bias") or values.get("qkv_bias")), "feed_forward_bias": False}
        form["attention_output_bias"] = bool(values.get("bias"))
    elif model_type == "opt":
        form["embedding_width"] = int(config.get("word_embed_proj_dim") or values.get("table") or 0)
        before = config.get("do_layer_norm_before", values.get("norm_before", True))
        form["final_norm"] = bool(before and not config.get("_remove_final_layer_norm"))
    elif model_type == "llama4_text" and config:  # experts and the one for all tokens are alike; dense layers are wider
        values["expert_inner"] = values["shared_inner"] = config.get("intermediate_size") or values["expert_inner"]
        values["inner"] = config.get("intermediate_size_mlp") or model_types()[model_type]["defaults"]["inner"]
    elif model_type == "jamba" and values.get("experts") == 1:
        values["experts"] = 0
    elif model_type == "granitemoehybrid" and not values.get("experts"):  # what all tokens share is all there is
        values["inner"] = values["shared_inner"]
    elif model_type == "lfm2" and config.get("block_auto_adjust_ff_dim", True):  # two thirds, up to a whole block
        whole = int(config.get("block_multiple_of") or 256)
        wanted = float(config.get("block_ffn_dim_multiplier") or 1.0) * int(2 * int(values["inner"]) / 3)
        values["inner"] = -(-int(wanted) // whole) * whole
    elif model_type == "persimmon":
        form["qk_norm"] = "head" if values["use_qk_norm"] else "none"
    elif model_type == "cohere" and values.get("use_qk_norm"):
        form["qk_norm"] = "full"
    elif model_type == "phi" and values.get("use_qk_norm"):
        form["qk_norm"] = "head"
    elif model_type == "phimoe":
        form["head_bias"] = bool(values.get("head_bias"))


def _mixture(config: dict[str, Any], values: dict[str, Any], entry: dict[str, Any]) -> Mixture | None:
    if not values.get("experts"):
        return None
    expert_width = int(values.get("expert_inner") or values["inner"])
    shared = int(values.get("shared_inner") or 0) or int(values.get("shared_experts") or 0) * expert_width
    layers = int(values["layers"])
    step = int(values.get("expert_step") or 1)
    dense = int(values.get("dense_layers") or 0)
    listed = config.get("mlp_only_layers") or []
    if step > 1 or listed:
        dense = sum((i in listed) or (i + 1) % step != 0 for i in range(layers))
    return Mixture(
        num_experts=int(values["experts"]),
        experts_per_token=int(values.get("experts_per_token") or 1),
        expert_width=expert_width,
        shared_width=shared,
        shared_gate=bool(values.get("shared_gate")),
        num_dense_layers=min(dense, layers),
        groups_per_token=int(values.get("groups_per_token") or 0) if int(values.get("groups") or 1) > 1 else 0,
        router_bias=bool(entry.get("router_bias")),
    )


def _latent(values: dict[str, Any]) -> LatentAttention | None:
    if not values.get("kv_rank"):
        return None
    return LatentAttention(
        kv_rank=int(values["kv_rank"]),
        query_rank=int(values.get("q_rank") or 0),
        nope_width=int(values["nope"]),
        rope_width=int(values["rope"]),
        value_width=int(values["value"]),
        index_heads=int(values.get("index_heads") or 0),
        index_width=int(values.get("index_width") or 0),
        index_tokens=int(values.get("index_tokens") or 0),
    )


def _window(config: dict[str, Any], values: dict[str, Any]) -> tuple[int, int]:
    window = int(values.get("window") or 0)
    kinds = config.get("layer_types")
    layers = int(values["layers"])
    if isinstance(kinds, list) and kinds:
        return window, sum(kind == "sliding_attention" for kind in kinds[:layers])
    if not window or config.get("use_sliding_window") is False:
        return 0, 0
    pattern = config.get("sliding_window_pattern")
    if isinstance(pattern, int) and pattern > 0:
        return window, layers - layers // pattern
    if "window_share" in values:
        return window, round(values["window_share"] * layers)
    explicit = config.get("model_type") in ("mistral", "mixtral", "starcoder2", "phi3") and bool(
        config.get("sliding_window")
    )
    return (window, layers) if explicit else (0, 0)
