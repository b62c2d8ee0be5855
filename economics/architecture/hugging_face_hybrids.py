"""Decoders of a config.json in which layers with a state stand in place of attention, or beside it.

What a type's fields are called stands in model_types.toml under `state`: the kind of state, and each size as the name of the
config's field and its default. Which layers attend is a list of kinds (under any of its names), a period, or all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from economics.architecture.decoder import Decoder
from economics.architecture.state_layers import StateLayer
from economics.errors import InputError

_KINDS = {
    "full_attention": "attention", "attention": "attention", "sliding_attention": "attention", "*": "attention",
    "hybrid": "attention", "linear_attention": "state", "mamba": "state", "conv": "state", "M": "state",
    "moe": "experts", "E": "experts", "mlp": "dense", "-": "dense",
}  # fmt: skip
_LISTS = ("layer_types", "layers_block_type", "hybrid_override_pattern", "block_types")


def layer_kinds(config: dict[str, Any], values: dict[str, Any], usual: dict[str, Any]) -> list[str]:
    """Return what each layer is: attention, state, experts or dense (the last two where layers are one part each).

    >>> layer_kinds({"hybrid_override_pattern": "M-*"}, {"layers": 3}, {})
    ['state', 'dense', 'attention']
    >>> layer_kinds({}, {"layers": 4}, {"attention_every": 4, "attention_at": 3})
    ['state', 'state', 'state', 'attention']
    """
    name = next((name for name in _LISTS if config.get(name)), "layer_types")
    listed = config.get(name) or usual.get("layer_types")
    if listed and (name == "hybrid_override_pattern") != isinstance(listed, str):
        raise InputError(name, listed, "a list of kinds of layers; only hybrid_override_pattern is a word")
    if not listed:
        return ["attention" if attends else "state" for attends in _attending(config, values, usual)]
    unknown = [kind for kind in listed if kind not in _KINDS]
    if unknown:
        raise InputError(name, unknown[0], "one of " + ", ".join(_KINDS))
    return [_KINDS[kind] for kind in listed]


def _attending(config: dict[str, Any], values: dict[str, Any], usual: dict[str, Any]) -> list[bool]:
    """Which layers attend, where a config names their numbers or a period."""
    layers = range(int(values["layers"]))
    named = config.get("attn_layer_indices", config.get("full_attn_idxs"))
    if named is not None:
        if not isinstance(named, list):
            raise InputError("attn_layer_indices", named, "a list of layers, counted from 0")
        return [i in named for i in layers]
    given = config.get("attn_layer_period", config.get("full_attention_interval"))
    every = int(given or usual.get("attention_every", 0))
    at = int(config.get("attn_layer_offset", usual.get("attention_at", max(0, every - 1))))
    return [bool(every) and i % every == at for i in layers]


def with_state(decoder: Decoder, usual: dict[str, Any], values: dict[str, Any], config: dict[str, Any]) -> Decoder:
    """Return the decoder with its layers of a state.

    Parameters
    ----------
    usual : the type's table `state` of model_types.toml
    values : sizes under our names
    config : the content of a config.json
    """
    kinds = layer_kinds(config, values, usual)
    single = bool({"experts", "dense"} & set(kinds)) or usual.get("alone", False)  # layers of one part each
    beside = usual.get("beside", False)
    num_state = len(kinds) if beside else kinds.count("state")
    num_experts = kinds.count("experts") if single else 0
    mixture = decoder.mixture
    if single and mixture:
        mixture = replace(mixture, num_dense_layers=kinds.count("dense")) if num_experts else None
    return replace(
        decoder,
        num_layers=len(kinds),
        mixture=mixture,
        state=_state_layer(decoder, usual, config) if num_state else None,
        num_state_layers=num_state,
        num_attention_layers=len(kinds) if beside else kinds.count("attention"),
        num_feed_forward_layers=num_experts + kinds.count("dense") if single else None,
    )


def _state_layer(decoder: Decoder, usual: dict[str, Any], config: dict[str, Any]) -> StateLayer:
    def size(name: str, default: int = 0) -> int:
        field, value = usual.get(name, ("", default))
        found = config.get(field) or value
        if not isinstance(found, int) or found < 0:
            raise InputError(field, found, "a whole number from 1")
        return found

    def flag(name: str, *, default: bool) -> bool:
        field, value = usual.get(name, ("", default))
        return bool(config.get(field, value))

    heads, head, kind = size("heads", 1), size("head"), usual["kind"]
    inner = size("inner") or (heads * head if head else size("expand", 1) * decoder.model_width)
    return StateLayer(
        kind=kind,
        inner=inner,
        state_width=size("state"),
        num_heads=heads,
        num_groups=size("groups", 1),
        rank=size("rank") or (-(-decoder.model_width // 16) if kind == "mamba" else 0),
        kernel=size("kernel", 4),
        kernel_bias=flag("kernel_bias", default=True),
        bias=flag("bias", default=False),
        inner_norm=flag("inner_norm", default=True),
    )
