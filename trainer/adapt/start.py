"""Puts the weights of a source into a model: all that both have; the head of another task is left behind."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainer.adapt.adapters import is_extra
from trainer.adapt.build import reset_magnitudes
from trainer.adapt.pruning import cut_source, prune_weights
from trainer.adapt.source import Source, read_source
from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError, SpecError
from trainer.families import get_family
from trainer.sections import TransferSpec
from trainer.training.task import Task, make_task

PROBE = "The quick brown fox, naïve 今天天气 def f(x): return x + 1\n"
TABLES = ("token_embedding.weight", "masked_head.bias", "head.weight")
"""Rows of these are tokens: a source may have more of them than the tokenizer has ids."""

MOST_SPARE_ROWS = 1_024
"""Rows beyond the tokenizer's ids, which fill up a block of memory (GPT-2 47, Qwen 2.5 up to 400)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    sentence: str
    facts: dict[str, Any]
    warning: str = ""
    """What could not be checked, and what to do about it."""


def start_from(task: Task, model: nn.Module, transfer: TransferSpec) -> Started:
    """Load the source's weights and prune them; raise with a sentence where they cannot be those of this model."""
    prune = task.spec.prune
    source = read_source(Path(transfer.source))
    check_shape(task, source)
    heads = task.head_names(model)
    weights = cut_source(task, source, own_names(task, source))
    warning = check_tokenizer(task, source, num_rows=num_token_rows(weights))
    loaded = fit_rows(task.adopt(weights, family=source.family), model, heads)
    missing = [name for name in model.state_dict() if name not in loaded and not is_extra(name)]
    if lost := [name for name in missing if name not in heads and not name.startswith("pooler.")]:
        raise InputError(
            f"the weights of {source.path} have no {lost[0]} ({len(lost)} are missing); they are of another model"
        )
    try:
        model.load_state_dict(loaded, strict=False)
    except RuntimeError as error:
        raise InputError(
            f"the weights of {source.path} do not fit this model: {str(error).splitlines()[1].strip()}"
        ) from error
    reset_magnitudes(model)
    pruned = prune_weights(task, model, prune) if prune.method == "magnitude" else None
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    whole = sum(p.numel() for p in model.parameters())
    new = f"; new: {', '.join(sorted(missing))}" if missing else ""
    return Started(
        sentence=(
            f"Started from {transfer.source_name or source.path.name}: {len(loaded):,} tensors taken over{new}. "
            f"{learning:,} of {whole:,} parameters learn.{what_was_pruned(task, source, pruned)}"
        ),
        facts={
            "source": str(source.path),
            "num_tensors": len(loaded),
            "new": sorted(missing),
            "num_learning_parameters": learning,
            "num_tokens_seen_before": source.num_tokens_seen,
            **({"pruned": pruned} if pruned else {}),
        },
        warning=warning,
    )


def what_was_pruned(task: Task, source: Source, pruned: dict[str, Any] | None) -> str:
    """Return the sentence of what a pruning took out; empty where there was none."""
    if pruned is not None:
        share = pruned["num_zero"] / pruned["num_prunable"]
        return (
            f" {pruned['num_zero']:,} of {pruned['num_prunable']:,} inner weights ({share:.0%}) are zero and stay it."
        )
    if task.spec.prune.method != "structured":
        return ""
    return f" Of its {sum(tensor.numel() for tensor in source.weights.values()):,} numbers the strongest parts stayed."


def check_shape(task: Task, source: Source) -> None:
    """Raise `SpecError` that names the first setting in which the model differs from the source's."""
    family = get_family(task.spec.family)
    if source.family in family.starts_from:
        return  # what it takes over, the names and shapes of the weights say
    if source.family != family.name:
        raise SpecError(
            f"transfer.source is a model of family {source.family}, and this run's is {task.spec.family}; choose the same"
        )
    for field in fields(source.model):
        theirs, ours = getattr(source.model, field.name), getattr(task.spec.model, field.name)
        is_pruned = task.spec.prune.method == "structured" and field.name in family.prunable
        is_free = is_pruned or field.name in family.free_settings
        if theirs != ours and not is_free and not same_meaning(task.spec.model, source.model, field.name):
            raise SpecError(
                f"model.{field.name} is {ours}, and that of transfer.source is {theirs}; set it to {theirs}"
            )


def same_meaning(ours: Any, theirs: Any, name: str) -> bool:
    """Say whether two values of a setting come to the same: 0 stands for a width that follows from others."""
    if name == "context_length" and getattr(ours, "form", "") == "modern":
        return True  # rotary positions have no table
    resolved = {
        "feed_forward_width": "width_of_feed_forward", "head_width": "width_of_head", "num_kv_heads": "num_key_value_heads",
    }.get(name, "")  # fmt: skip
    return bool(resolved) and getattr(ours, resolved, 0) == getattr(theirs, resolved, 1)


def check_tokenizer(task: Task, source: Source, *, num_rows: int | None) -> str:
    """Raise `InputError` where the data was prepared with another tokenizer than the source reads.

    A folder without a tokenizer can be held against the data by its number of rows alone: what that leaves open is
    returned as a sentence.
    """
    if not task.assets.has_tokenizer:
        return ""
    ours, theirs = task.assets.tokenizer, source.tokenizer
    if theirs is not None:
        if reads_alike(ours, theirs):
            return ""
        raise InputError(
            f"the data was prepared with another tokenizer ({ours.vocab_size:,} tokens) than the model at {source.path} reads "
            f"({theirs.vocab_size:,}); prepare it with that one: `prepare --tokenizer {source.path}`"
        )
    if num_rows is None:
        return ""
    what_to_do = (
        f"Put the tokenizer.json that belongs to the model into {source.path} (transformers writes it: "
        "`AutoTokenizer.from_pretrained(...).save_pretrained(...)`) and prepare the data with it"
    )
    if not 0 <= num_rows - ours.vocab_size <= MOST_SPARE_ROWS:
        raise InputError(
            f"the model at {source.path} has no tokenizer.json, and its {num_rows:,} rows of tokens are not for the "
            f"{ours.vocab_size:,} of the data's tokenizer. {what_to_do}"
        )
    return (
        f"The model at {source.path} has no tokenizer.json: only the number of tokens tells that the data's tokenizer may be "
        f"its own. If it is another, all that the model has learnt of words is lost. {what_to_do}."
    )


def num_token_rows(weights: dict[str, Tensor]) -> int | None:
    """Return for how many tokens the weights have a row; None where they read no tokens."""
    table = weights.get(TABLES[0])
    return None if table is None else len(table)


def reads_alike(ours: Tokenizer, theirs: Tokenizer) -> bool:
    """Say whether two tokenizers make the same of a text: as many tokens, and of a telling line the same."""
    return ours.vocab_size == theirs.vocab_size and ours.encode(PROBE) == theirs.encode(PROBE)


def own_names(task: Task, source: Source) -> dict[str, Tensor]:
    """Return the source's weights under our names."""
    if source.names == "own":
        return source.weights
    of_family = replace(task.spec, family=source.family, model=with_objective(task, source))
    return make_task(of_family, task.assets).import_weights(source.weights)


def with_objective(task: Task, source: Source) -> Any:
    """Return this run's settings with the shape of the source: the names of the weights follow from both."""
    if source.family != task.spec.family:
        return source.model
    free = get_family(source.family).free_settings
    shape = {f.name: getattr(source.model, f.name) for f in fields(source.model) if f.name not in free}
    return replace(task.spec.model, **shape)


def fit_rows(weights: dict[str, Tensor], model: nn.Module, heads: Set[str]) -> dict[str, Tensor]:
    """Return the weights that the model has. Tables of tokens are cut or grown to its number of rows.

    Some models have more rows than their tokenizer has ids, to fill up a block of memory; nothing ever reads those. Ids
    that we add get rows as the model drew them.
    """
    found = {}
    for name, own in model.state_dict().items():
        if name not in weights:
            continue
        theirs = weights[name]
        if name in TABLES and theirs.shape != own.shape and theirs.shape[1:] == own.shape[1:]:
            rows = min(len(theirs), len(own))
            theirs = torch.cat([theirs[:rows].to(own), own[rows:]])
        elif name in heads and theirs.shape != own.shape:
            continue  # another task's labels
        found[name] = theirs
    return found
