"""To and from the names that Hugging Face `transformers` gives to the weights of BERT and RoBERTa.

Ours keep queries, keys and values in one matrix. RoBERTa counts positions from 2 and has one segment.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainer.errors import InputError
from trainer.models.bert.hf_config import spec_of_hf_config
from trainer.models.bert.spec import BertSpec
from trainer.models.bert.words import SpecialIds

__all__ = ["from_hf", "hf_config", "spec_of_hf_config", "to_hf"]
Weights = dict[str, Tensor]

EMBEDDINGS = {
    "token_embedding.weight": "embeddings.word_embeddings.weight",
    "position_embedding.weight": "embeddings.position_embeddings.weight",
    "type_embedding.weight": "embeddings.token_type_embeddings.weight",
    "norm.weight": "embeddings.LayerNorm.weight",
    "norm.bias": "embeddings.LayerNorm.bias",
}
BLOCK = {
    "attention.out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed_forward.up": "intermediate.dense",
    "feed_forward.down": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}
POOLER = {"pooler.weight": "pooler.dense.weight", "pooler.bias": "pooler.dense.bias"}
# theirs, by the form of the model: prefix of the encoder, then the masked head
MASKED_HEAD = {
    "bert": {
        "masked_head.dense.weight": "cls.predictions.transform.dense.weight",
        "masked_head.dense.bias": "cls.predictions.transform.dense.bias",
        "masked_head.norm.weight": "cls.predictions.transform.LayerNorm.weight",
        "masked_head.norm.bias": "cls.predictions.transform.LayerNorm.bias",
        "masked_head.bias": "cls.predictions.bias",
    },
    "roberta": {
        "masked_head.dense.weight": "lm_head.dense.weight",
        "masked_head.dense.bias": "lm_head.dense.bias",
        "masked_head.norm.weight": "lm_head.layer_norm.weight",
        "masked_head.norm.bias": "lm_head.layer_norm.bias",
        "masked_head.bias": "lm_head.bias",
    },
}


def kind_of(spec: BertSpec) -> str:
    """Return whose form it is: RoBERTa leaves the first two positions out."""
    return "roberta" if spec.num_unused_positions else "bert"


def hf_config(spec: BertSpec, *, special: SpecialIds, label_names: list[str]) -> dict[str, Any] | None:
    """Return config.json; None where transformers has no model of this form and objective."""
    kind = kind_of(spec)
    if spec.form != "original" or spec.num_types == 0 or spec.num_heads * spec.width_of_head != spec.model_width:
        return None
    reads_first = spec.has_pooler and spec.pooling == "first"
    if spec.objective in ("classify", "multi_label") and (kind == "roberta" or not reads_first):
        return None  # theirs reads the first token through the pooler; RoBERTa's has a layer of its own there
    name = {"bert": "Bert", "roberta": "Roberta"}[kind]
    ending = {"masked": "ForMaskedLM", "classify": "ForSequenceClassification", "embed": "Model"}
    ending |= {"multi_label": "ForSequenceClassification", "tag": "ForTokenClassification"}
    config: dict[str, Any] = {
        "model_type": kind,
        "architectures": [name + ending[spec.objective]],
        "vocab_size": special.vocab_size,
        "hidden_size": spec.model_width,
        "num_hidden_layers": spec.num_layers,
        "num_attention_heads": spec.num_heads,
        "intermediate_size": spec.width_of_feed_forward,
        "hidden_act": "gelu",
        "max_position_embeddings": spec.context_length + spec.num_unused_positions,
        "type_vocab_size": spec.num_types,
        "layer_norm_eps": spec.norm_eps,
        "pad_token_id": special.pad if kind == "bert" else spec.num_unused_positions - 1,
        "bos_token_id": special.first,
        "eos_token_id": special.last,
        "tie_word_embeddings": True,
        "dtype": "float32",
    }
    if label_names:
        config["id2label"] = {str(number): label for number, label in enumerate(label_names)}
        config["label2id"] = {label: number for number, label in enumerate(label_names)}
    if spec.objective == "multi_label":
        config["problem_type"] = "multi_label_classification"
    return config


def names_of(spec: BertSpec) -> dict[str, str]:
    """Return our name -> theirs, without the prefix of the encoder; the matrices that we keep together are left out."""
    names = dict(EMBEDDINGS)
    if not spec.num_types:
        names.pop("type_embedding.weight")
    for layer in range(spec.num_layers):
        for ours, theirs in BLOCK.items():
            for kind in ("weight", "bias"):
                names[f"blocks.{layer}.{ours}.{kind}"] = f"encoder.layer.{layer}.{theirs}.{kind}"
    return {**names, **POOLER} if spec.has_pooler else names


def from_hf(weights: Weights, spec: BertSpec) -> Weights:
    """Return weights of transformers under our names: the encoder, and the heads that both have."""
    if spec.form != "original":
        raise InputError("weights from elsewhere fit the original form alone; set model.form to original")
    theirs = without_prefix(weights)
    found = {ours: theirs[name] for ours, name in names_of(spec).items() if name in theirs}
    for layer in range(spec.num_layers):
        for kind in ("weight", "bias"):
            parts = [f"encoder.layer.{layer}.attention.self.{part}.{kind}" for part in ("query", "key", "value")]
            if missing := [part for part in parts if part not in theirs]:
                raise InputError(
                    f"the weights have no {missing[0]}; they are not those of a BERT with {spec.num_layers} layers"
                )
            found[f"blocks.{layer}.attention.qkv.{kind}"] = torch.cat([theirs[part] for part in parts])
    for heads in MASKED_HEAD.values():
        found |= {ours: theirs[name] for ours, name in heads.items() if name in theirs and spec.objective == "masked"}
    if spec.objective not in ("masked", "embed"):
        found |= {
            f"head.{kind}": theirs[f"classifier.{kind}"]
            for kind in ("weight", "bias")
            if f"classifier.{kind}" in theirs
        }
    return found


def without_prefix(weights: Weights) -> Weights:
    """Return the weights with `bert.` or `roberta.` taken off, and what old versions called otherwise renamed."""
    found = {}
    for name, tensor in weights.items():
        short = name.removeprefix("bert.").removeprefix("roberta.")
        found[short.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")] = tensor
    return found


def to_hf(weights: Weights, spec: BertSpec) -> Weights:
    """Return our weights under the names of transformers."""
    kind = kind_of(spec)
    prefix = "" if spec.objective == "embed" else f"{kind}."
    found = {prefix + theirs: weights[ours] for ours, theirs in names_of(spec).items()}
    for layer in range(spec.num_layers):
        for part_kind in ("weight", "bias"):
            pieces = weights[f"blocks.{layer}.attention.qkv.{part_kind}"].chunk(3)
            for part, piece in zip(("query", "key", "value"), pieces, strict=True):
                found[f"{prefix}encoder.layer.{layer}.attention.self.{part}.{part_kind}"] = piece.contiguous()
    if spec.objective == "masked":
        found |= {theirs: weights[ours] for ours, theirs in MASKED_HEAD[kind].items()}
        found = {name: tensor for name, tensor in found.items() if "pooler" not in name}
    elif spec.objective == "tag":
        found = {name: tensor for name, tensor in found.items() if "pooler" not in name}
    if "head.weight" in weights:
        found |= {f"classifier.{part_kind}": weights[f"head.{part_kind}"] for part_kind in ("weight", "bias")}
    return found
