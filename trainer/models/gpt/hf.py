"""To and from the names that Hugging Face `transformers` gives to weights: GPT-2's for the classic form, Llama's for the
modern one, Qwen3's where queries and keys are normalised. Ours keep queries, keys and values in one matrix, and gate and
up in one; GPT-2's matrices lie the other way round."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainer.models.gpt.hf_config import spec_of_hf_config
from trainer.models.gpt.spec import GPTSpec

__all__ = ["from_hf", "has_hf_form", "hf_config", "spec_of_hf_config", "to_hf"]

Weights = dict[str, Tensor]

CLASSIC_BLOCK = {
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
MODERN_BLOCK = {
    "attention_norm": "input_layernorm",
    "attention.out": "self_attn.o_proj",
    "attention.query_norm": "self_attn.q_norm",
    "attention.key_norm": "self_attn.k_norm",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward.down": "mlp.down_proj",
}


def has_hf_form(spec: GPTSpec) -> bool:
    """Say whether transformers has a model of this shape: GPT-2's heads always fill the width."""
    if spec.form == "modern":
        return not (spec.qk_norm and spec.qkv_bias)
    return spec.width_of_head * spec.num_heads == spec.model_width


def hf_config(spec: GPTSpec, *, vocab_size: int, end_of_text_id: int) -> dict[str, Any]:
    """Return config.json."""
    common = {
        "vocab_size": vocab_size,
        "bos_token_id": end_of_text_id,
        "eos_token_id": end_of_text_id,
        "tie_word_embeddings": spec.tied_embeddings,
        "dtype": "float32",
    }
    if spec.form == "classic":
        return {
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "n_layer": spec.num_layers,
            "n_embd": spec.model_width,
            "n_head": spec.num_heads,
            "n_inner": spec.width_of_feed_forward,
            "n_positions": spec.context_length,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": spec.norm_eps,
            **common,
        }
    return {
        "model_type": kind_of(spec),
        "architectures": [{"qwen3": "Qwen3", "qwen2": "Qwen2", "llama": "Llama"}[kind_of(spec)] + "ForCausalLM"],
        "num_hidden_layers": spec.num_layers,
        "hidden_size": spec.model_width,
        "num_attention_heads": spec.num_heads,
        "num_key_value_heads": spec.num_key_value_heads,
        "head_dim": spec.width_of_head,
        "intermediate_size": spec.width_of_feed_forward,
        "max_position_embeddings": spec.context_length,
        "hidden_act": "silu",
        "rms_norm_eps": spec.norm_eps,
        "attention_bias": False,
        "mlp_bias": False,
        "rope_theta": spec.rope_theta,  # where transformers looked for it before version 5
        "rope_parameters": {"rope_type": "default", "rope_theta": spec.rope_theta},
        **common,
    }


def kind_of(spec: GPTSpec) -> str:
    """Return whose form the modern one is."""
    if spec.qk_norm:
        return "qwen3"
    return "qwen2" if spec.qkv_bias else "llama"


def to_hf(weights: Weights, spec: GPTSpec) -> Weights:
    """Return our weights under the names of transformers."""
    return _classic_to_hf(weights, spec) if spec.form == "classic" else _modern_to_hf(weights, spec)


def from_hf(weights: Weights, spec: GPTSpec) -> Weights:
    """Return weights of transformers under our names."""
    return _classic_from_hf(weights, spec) if spec.form == "classic" else _modern_from_hf(weights, spec)


def _classic_names(spec: GPTSpec) -> dict[str, str]:
    """Return our name -> theirs, for the classic form."""
    names = {
        "token_embedding.weight": "transformer.wte.weight",
        "position_embedding.weight": "transformer.wpe.weight",
        "norm.weight": "transformer.ln_f.weight",
        "norm.bias": "transformer.ln_f.bias",
    }
    for layer in range(spec.num_layers):
        for ours, theirs in CLASSIC_BLOCK.items():
            for kind in ("weight", "bias"):
                names[f"blocks.{layer}.{ours}.{kind}"] = f"transformer.h.{layer}.{theirs}.{kind}"
    return names if spec.tied_embeddings else {**names, "head.weight": "lm_head.weight"}


def _classic_to_hf(weights: Weights, spec: GPTSpec) -> Weights:
    return {theirs: _turned(theirs, weights[ours]) for ours, theirs in _classic_names(spec).items()}


def _classic_from_hf(weights: Weights, spec: GPTSpec) -> Weights:
    return {ours: _turned(theirs, weights[theirs]) for ours, theirs in _classic_names(spec).items()}


def _turned(name: str, weight: Tensor) -> Tensor:
    """GPT-2 keeps the matrices inside its blocks as (in, out)."""
    return weight.t().contiguous() if weight.ndim == 2 and ".h." in name else weight


def _modern_names(spec: GPTSpec) -> dict[str, str]:
    """Return our name -> theirs, for the modern form; the matrices that we keep together are left out."""
    names = {"token_embedding.weight": "model.embed_tokens.weight", "norm.weight": "model.norm.weight"}
    for layer in range(spec.num_layers):
        for ours, theirs in MODERN_BLOCK.items():
            if spec.qk_norm or not ours.endswith(("query_norm", "key_norm")):
                names[f"blocks.{layer}.{ours}.weight"] = f"model.layers.{layer}.{theirs}.weight"
    return names if spec.tied_embeddings else {**names, "head.weight": "lm_head.weight"}


def _joined_names(layer: int, *, qkv_bias: bool) -> dict[str, list[str]]:
    """Return our matrices that hold several of theirs, one below the other."""
    attention, feed_forward = f"model.layers.{layer}.self_attn", f"model.layers.{layer}.mlp"
    kinds = ("weight", "bias") if qkv_bias else ("weight",)
    return {
        **{
            f"blocks.{layer}.attention.qkv.{kind}": [f"{attention}.{part}_proj.{kind}" for part in "qkv"]
            for kind in kinds
        },
        f"blocks.{layer}.feed_forward.up.weight": [f"{feed_forward}.{part}_proj.weight" for part in ("gate", "up")],
    }


def _modern_to_hf(weights: Weights, spec: GPTSpec) -> Weights:
    found = {theirs: weights[ours] for ours, theirs in _modern_names(spec).items()}
    query, key = spec.num_heads * spec.width_of_head, spec.num_key_value_heads * spec.width_of_head
    sizes = {2: [spec.width_of_feed_forward] * 2, 3: [query, key, key]}
    for layer in range(spec.num_layers):
        for ours, parts in _joined_names(layer, qkv_bias=spec.qkv_bias).items():
            pieces = torch.split(weights[ours], sizes[len(parts)])
            found.update({theirs: piece.contiguous() for theirs, piece in zip(parts, pieces, strict=True)})
    return found


def _modern_from_hf(weights: Weights, spec: GPTSpec) -> Weights:
    found = {ours: weights[theirs] for ours, theirs in _modern_names(spec).items()}
    for layer in range(spec.num_layers):
        for ours, parts in _joined_names(layer, qkv_bias=spec.qkv_bias).items():
            found[ours] = torch.cat([weights[theirs] for theirs in parts])
    return found
