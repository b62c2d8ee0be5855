"""Read a Hugging Face config.json: from its field names to ours, with the defaults of its model type."""

from __future__ import annotations

import json
import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from economics.architecture.base import Architecture
from economics.architecture.decoder import Decoder
from economics.architecture.decoder_shape import LatentAttention, Mixture
from economics.architecture.hugging_face_others import OTHER_READERS
from economics.errors import InputError

_ALIASES: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "width": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv"),
    "head": ("head_dim",),
    "inner": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"),
    "vocabulary": ("vocab_size",),
    "context": ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"),
    "tied": ("tie_word_embeddings",),
    "attention_bias": ("attention_bias",),
    "mlp_bias": ("mlp_bias",),
    "qkv_bias": ("use_qkv_bias", "qkv_bias"),
    "bias": ("use_bias", "bias"),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "experts_per_token": ("num_experts_per_tok", "num_experts_per_token", "moe_topk"),
    "expert_inner": ("moe_intermediate_size", "expert_ffn_hidden_size"),
    "shared_inner": ("shared_expert_intermediate_size", "shared_intermediate_size"),
    "shared_experts": ("n_shared_experts", "num_shared_experts"),
    "dense_layers": ("first_k_dense_replace",),
    "groups": ("n_group",),
    "groups_per_token": ("topk_group",),
    "expert_step": ("decoder_sparse_step", "moe_layer_freq"),
    "q_rank": ("q_lora_rank",),
    "kv_rank": ("kv_lora_rank",),
    "nope": ("qk_nope_head_dim",),
    "rope": ("qk_rope_head_dim",),
    "value": ("v_head_dim",),
    "window": ("sliding_window",),
    "multi_query": ("multi_query",),
    "parallel_attn": ("parallel_attn",),
    "new_decoder_architecture": ("new_decoder_architecture",),
    "use_qk_norm": ("use_qk_norm", "qk_layernorm"),
    "head_bias": ("lm_head_bias",),
}
# Fields that a config may set to null, which is not the type's default but "none" or "as many as its fellow".
_NULL_MEANS_NONE = ("kv_heads", "head", "inner", "shared_experts", "q_rank", "window")
# Types that differ from another in nothing that is counted.
_SAME_AS = {"kimi_k2": "deepseek_v3", "yi": "llama", "gemma3": "gemma3_text", "RefinedWeb": "falcon",
            "RefinedWebModel": "falcon", "code_llama": "llama", "stablelm_epoch": "stablelm"}  # fmt: skip


@lru_cache(maxsize=1)
def model_types() -> dict[str, dict[str, Any]]:
    """Return the table of model types (forms and defaults)."""
    text = resources.files("economics.architecture").joinpath("model_types.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


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
    except (OSError, ValueError) as error:
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
    if isinstance(config.get("text_config"), dict):
        inner = config["text_config"]
        config = {**inner, "model_type": inner.get("model_type", config.get("model_type"))}
    model_type = str(config.get("model_type") or _type_of_class(config))
    if model_type in OTHER_READERS:
        return OTHER_READERS[model_type](config, name or model_type)
    model_type = _SAME_AS.get(model_type, model_type)
    if model_type not in model_types():
        raise InputError("model_type", config.get("model_type"), "one of " + ", ".join(known_model_types()))
    return _decoder(config, model_type, name or model_type)


def _type_of_class(config: dict[str, Any]) -> str:
    """The model type that the name of a model's class begins with, where a config says no more: LlamaForCausalLM."""
    named = config.get("architectures")
    name = str(named[0]).lower() if isinstance(named, list) and named else ""
    fitting = [t for t in known_model_types() if name.startswith(t.replace("_", "").lower())]
    return max(fitting, key=len, default="")


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
        kv_heads = 1 if values["multi_query"] else heads
    if "kv_heads" in entry["defaults"] and heads % kv_heads:
        kv_heads = heads
    inner = values.get("inner") or 4 * int(values["width"])
    window, num_window = _window(config, values)
    return Decoder(
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
