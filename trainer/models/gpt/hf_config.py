"""What a config.json of Hugging Face says of a decoder: GPT-2, Llama, Mistral, Qwen 2 and Qwen 3. Imports no torch."""

from __future__ import annotations

from typing import Any

from trainer.errors import InputError
from trainer.models.gpt.spec import GPTSpec

MODEL_TYPES = ("gpt2", "llama", "mistral", "qwen2", "qwen3")
ENDLESS = 1 << 40


def spec_of_hf_config(config: dict[str, Any]) -> GPTSpec:
    """Return the spec of a model with this config.json; raise `InputError` where ours has no such form."""
    kind = config.get("model_type")
    if kind == "gpt2":
        _require(config, "activation_function", "gelu_new")
        return GPTSpec(
            form="classic",
            norm_eps=config.get("layer_norm_epsilon", 1e-5),
            num_layers=config["n_layer"],
            model_width=config["n_embd"],
            num_heads=config["n_head"],
            feed_forward_width=config.get("n_inner") or 0,
            context_length=config["n_positions"],
            tied_embeddings=config.get("tie_word_embeddings", True),
        )
    if kind not in MODEL_TYPES:
        raise InputError(
            f"config.json is of a {kind!r} model; {', '.join(MODEL_TYPES[:-1])} and {MODEL_TYPES[-1]} can be read"
        )
    for name, wanted in (("hidden_act", "silu"), ("attention_bias", False), ("mlp_bias", False)):
        _require(config, name, wanted)
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    _require({"rope_type": rope.get("rope_type", rope.get("type", "default"))}, "rope_type", "default")
    return GPTSpec(
        form="modern",
        num_layers=config["num_hidden_layers"],
        model_width=config["hidden_size"],
        num_heads=config["num_attention_heads"],
        num_kv_heads=config.get("num_key_value_heads") or 0,
        head_width=config.get("head_dim") or 0,
        feed_forward_width=config["intermediate_size"],
        context_length=min(config["max_position_embeddings"], _window(config)),
        tied_embeddings=config.get("tie_word_embeddings", False),
        qk_norm=kind == "qwen3",
        qkv_bias=kind == "qwen2",
        norm_eps=config.get("rms_norm_eps", 1e-6),
        rope_theta=rope.get("rope_theta") or config.get("rope_theta") or 10_000.0,
    )


def _window(config: dict[str, Any]) -> int:
    """Return how far back attention looks: within it a sliding window changes nothing."""
    is_used = config.get("use_sliding_window", config.get("model_type") == "mistral")
    return int(config.get("sliding_window") or ENDLESS) if is_used else ENDLESS


def _require(config: dict[str, Any], name: str, wanted: Any) -> None:
    if config.get(name, wanted) != wanted:
        raise InputError(f"config.json has {name} {config[name]!r}; only {wanted!r} can be read")
