"""What a config.json of Hugging Face says of an encoder: BERT, RoBERTa, MiniLM. Imports no torch."""

from __future__ import annotations

from typing import Any

from trainer.errors import InputError
from trainer.models.bert.spec import BertSpec

MODEL_TYPES = ("bert", "roberta", "xlm-roberta")


def spec_of_hf_config(config: dict[str, Any]) -> BertSpec:
    """Return the spec of an encoder with this config.json; raise `InputError` where ours has no such form."""
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        raise InputError(f"config.json is of a {kind!r} model; bert, roberta and xlm-roberta can be read")
    for name, wanted in (("hidden_act", "gelu"), ("position_embedding_type", "absolute"), ("is_decoder", False)):
        if config.get(name, wanted) not in (wanted, None):
            raise InputError(f"config.json has {name} {config[name]!r}; only {wanted!r} can be read")
    unused = 0 if kind == "bert" else int(config.get("pad_token_id") or 1) + 1
    return BertSpec(
        objective=objective_of(config),
        num_layers=config["num_hidden_layers"],
        model_width=config["hidden_size"],
        num_heads=config["num_attention_heads"],
        feed_forward_width=config["intermediate_size"],
        context_length=config["max_position_embeddings"] - unused,
        num_types=config.get("type_vocab_size", 2),
        num_unused_positions=unused,
        norm_eps=config.get("layer_norm_eps", 1e-12),
    )


def objective_of(config: dict[str, Any]) -> Any:
    """Return what a published model was trained for, as its class says; without a head: embeddings."""
    named = (config.get("architectures") or [""])[0]
    if named.endswith("ForMaskedLM"):
        return "masked"
    return "embed"
