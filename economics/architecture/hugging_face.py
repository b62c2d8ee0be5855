"""Read a Hugging Face config.json: from its field names to ours, with the defaults of its model type."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from economics.architecture.base import Architecture
from economics.architecture.decoder import Decoder
from economics.architecture.hugging_face_decoders import decoder_from_values, model_types
from economics.architecture.hugging_face_others import OTHER_READERS
from economics.errors import InputError

_ALIASES: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "width": ("hidden_size", "n_embd", "d_model", "n_embed"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads"),
    "head": ("head_dim", "kv_channels"),
    "inner": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"),
    "vocabulary": ("padded_vocab_size", "vocab_size"),
    "context": ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "model_max_length", "n_ctx"),
    "tied": ("tie_word_embeddings",),
    "attention_bias": ("attention_bias",),
    "mlp_bias": ("mlp_bias",),
    "qkv_bias": ("use_qkv_bias", "add_qkv_bias", "qkv_bias"),
    "bias": ("use_bias", "add_bias_linear", "bias"),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"),
    "experts_per_token": ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "moe_k"),
    "expert_inner": ("moe_intermediate_size", "expert_ffn_hidden_size"),
    "shared_inner": ("shared_expert_intermediate_size", "shared_intermediate_size"),
    "shared_experts": ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"),
    "dense_layers": ("first_k_dense_replace", "moe_layer_start_index"),
    "groups": ("n_group",),
    "groups_per_token": ("topk_group",),
    "expert_step": ("decoder_sparse_step", "moe_layer_freq", "interleave_moe_layer_step", "moe_layer_interval"),
    "q_rank": ("q_lora_rank",),
    "kv_rank": ("kv_lora_rank",),
    "nope": ("qk_nope_head_dim",),
    "rope": ("qk_rope_head_dim",),
    "value": ("v_head_dim",),
    "index_heads": ("index_n_heads",),
    "index_width": ("index_head_dim",),
    "index_tokens": ("index_topk",),
    "window": ("sliding_window",),
    "multi_query": ("multi_query", "multi_query_attention"),
    "query_groups": ("multi_query_group_num",),
    "parallel_attn": ("parallel_attn",),
    "new_decoder_architecture": ("new_decoder_architecture",),
    "use_qk_norm": ("use_qk_norm", "qk_layernorm"),
    "head_bias": ("lm_head_bias",),
}
# Sizes of models that are no decoders, beside those above.
_OTHER_SIZES = ("encoder_layers", "decoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "decoder_ffn_dim", "d_ff",
                "d_kv", "dim", "hidden_dim", "embedding_size", "patch_size", "image_size", "num_channels", "num_mel_bins",
                "max_source_positions", "max_target_positions", "local_attention")  # fmt: skip
_AT_LEAST_ONE = ("layers", "width", "heads", "vocabulary")
_MAY_BE_NONE = ("kv_heads", "head", "inner", "experts", "experts_per_token", "expert_inner", "shared_inner", "shared_experts",
                "q_rank", "kv_rank", "nope", "rope", "value", "window", "index_heads", "index_width", "index_tokens")  # fmt: skip
_LARGEST_SIZE = 1e9
# Fields that a config may set to null, which is not the type's default but "none" or "as many as its fellow".
_NULL_MEANS_NONE = ("kv_heads", "head", "inner", "shared_experts", "q_rank", "window")
# Types that differ from another in nothing that is counted.
_SAME_AS = {"kimi_k2": "deepseek_v3", "yi": "llama", "gemma3": "gemma3_text", "RefinedWeb": "falcon",
            "RefinedWebModel": "falcon", "code_llama": "llama", "stablelm_epoch": "stablelm", "llama4": "llama4_text",
            "qwen2_5_vl_text": "qwen2_vl_text", "qwen2_vl": "qwen2_vl_text",
            "qwen2_5_vl": "qwen2_vl_text", "gpt-sw3": "gpt2", "minicpm": "llama", "aquila": "llama",
            "xverse": "llama", "grok": "grok-1", "qwen3_5": "qwen3_5_text", "qwen3_5_moe": "qwen3_5_moe_text"}  # fmt: skip


def known_model_types() -> list[str]:
    """Return every model_type that can be read."""
    return sorted({*model_types(), *_SAME_AS, *OTHER_READERS})


def read_config_file(path: Path) -> Architecture:
    """Read a JSON file in the form of config.json, or the folder that holds one."""
    file = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        right = "a folder with a config.json" if path.is_dir() else "a file that exists"
        raise InputError("model", str(path), right) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("model", str(path), f"a JSON file in the form of config.json ({error})") from None
    if not isinstance(config, dict):
        raise InputError("model", str(path), "a JSON object in the form of config.json")
    try:
        return architecture_from_config(config, name=file.parent.name if path.is_dir() else file.stem)
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("model", str(path), f"a config whose sizes are numbers from 1 ({error})") from None


def architecture_from_config(config: dict[str, Any], *, name: str = "") -> Architecture:
    """Return the architecture that a config describes; absent fields take its model type's defaults.

    Parameters
    ----------
    config : the content of a config.json; a multimodal one gives its text part

    Raises
    ------
    InputError : if `model_type` is unknown or a size cannot be

    >>> architecture_from_config({"model_type": "llama"}).parameters().total
    6738415616
    >>> architecture_from_config({"model_type": "gpt2", "n_layer": 48, "n_embd": 1600, "n_head": 25}).parameters().total
    1557611200
    """
    config = _of_text(config)
    _check_sizes(config)
    model_type = str(config.get("model_type") or _type_of_class(config))
    if model_type in OTHER_READERS:
        return OTHER_READERS[model_type]({**config, "model_type": model_type}, name or model_type)
    if model_type == "RefinedWeb":  # the larger falcons under their first name, which said it all
        config = {"new_decoder_architecture": True, **config}
    model_type = _SAME_AS.get(model_type, model_type)
    if model_type not in model_types():
        right = "one of " + ", ".join(known_model_types()) + "; other kinds of layers are not counted"
        raise InputError("model_type", config.get("model_type"), right)
    return _decoder(config, model_type, name or model_type)


def _check_sizes(config: dict[str, Any]) -> None:
    """Refuse sizes that are no whole numbers, which would be cut, or taken for absent."""
    one = {field for name in _AT_LEAST_ONE for field in _ALIASES[name]} | set(_OTHER_SIZES)
    for field in one | {field for name in _MAY_BE_NONE for field in _ALIASES[name]}:
        value, lowest = config.get(field), int(field in one)
        if value is None:
            continue
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0
        if not whole or not lowest <= value <= _LARGEST_SIZE:
            raise InputError(field, value, f"a whole number from {lowest} to {_LARGEST_SIZE:,.0f}")


def _of_text(config: dict[str, Any]) -> dict[str, Any]:
    """The text part of a multimodal config, and parts that stand in tables of their own in one."""
    if isinstance(config.get("text_config"), dict):
        inner = config["text_config"]
        tied = config.get("tie_word_embeddings", inner.get("tie_word_embeddings"))
        config = {"model_type": config.get("model_type"), **inner, "tie_word_embeddings": tied}
    for name in ("attn_config", "ffn_config"):
        if isinstance(config.get(name), dict):
            config = {**config, **{key: value for key, value in config[name].items() if key != "model_type"}}
    return config


def _type_of_class(config: dict[str, Any]) -> str:
    """The model type of a model's class, where a config says no more: LlamaForCausalLM."""
    named = config.get("architectures")
    name = str(named[0]).lower() if isinstance(named, list) and named else ""
    stem = re.sub(r"(for[a-z]+|(lmhead)?model)$", "", name)
    return next((t for t in known_model_types() if re.sub("[-_]", "", t).lower() == stem), "")


def _read(config: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    values = dict(defaults)
    for name, fields in _ALIASES.items():
        for field in fields:
            if config.get(field) is not None:
                values[name] = config[field]
                break
            if field in config and name in _NULL_MEANS_NONE:
                values.pop(name, None)
    return values


def _decoder(config: dict[str, Any], model_type: str, name: str) -> Decoder:
    return decoder_from_values(model_type, _read(config, model_types()[model_type]["defaults"]), config, name=name)
