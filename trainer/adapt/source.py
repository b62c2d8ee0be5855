"""Where a transfer starts: a checkpoint of ours, an exported model, or a folder of Hugging Face, read into one form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from trainer.adapt.build import merged_weights
from trainer.adapt.formats import config_of, family_of_config, spec_of_config, spec_of_state_dict
from trainer.data.tokenizer import TOKENIZER_FILE, Tokenizer
from trainer.errors import CheckpointError, InputError
from trainer.export import ABOUT, About
from trainer.folder import JobFolder
from trainer.inference.find import find_checkpoint
from trainer.spec import spec_from_dict
from trainer.training.checkpoint import MANIFEST, verify_checkpoint

INDEX = "model.safetensors.index.json"
_LAYER = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Weights to start from."""

    path: Path
    family: str
    model: Any
    """Settings of the model that they are of, as the family has them."""

    weights: dict[str, Tensor]
    names: str
    """Whose names the weights go by: `own`, `transformers`, or those of a bare `state_dict`."""

    tokenizer: Tokenizer | None
    num_tokens_seen: int = 0


def read_source(path: Path) -> Source:
    """Read the folder or file; raise `InputError` with what is missing where it is none of these."""
    if (path / ABOUT).is_file():
        about = msgspec.json.decode((path / ABOUT).read_bytes(), type=About)
        _, spec = spec_from_dict(about.spec)
        return Source(
            path=path,
            family=spec.family,
            model=spec.model,
            weights=read_weights(path),
            names=about.names,
            tokenizer=tokenizer_of(path),
        )
    if (path / MANIFEST).is_file() or JobFolder(path).fences():
        stored = verify_checkpoint(find_checkpoint(path))
        spec, assets = stored.spec(), stored.assets()
        return Source(
            path=stored.path,
            family=spec.family,
            model=spec.model,
            weights=merged_weights(stored),
            names="own",
            tokenizer=assets.tokenizer if assets.has_tokenizer else None,
            num_tokens_seen=stored.state().num_tokens_seen,
        )
    if (bare := spec_of_state_dict(path)) is not None:
        return Source(
            path=path,
            family=bare[0].name,
            model=bare[1],
            weights=read_weights(path),
            names="state_dict",
            tokenizer=None,
        )
    config = config_of(path)
    family = family_of_config(config)
    model, weights = spec_of_config(family, config), read_weights(path)
    check_sizes(model, weights)
    return Source(
        path=path,
        family=family.name,
        model=model,
        weights=weights,
        names="transformers",
        tokenizer=tokenizer_of(path),
    )


def check_sizes(model: Any, weights: dict[str, Tensor]) -> None:
    """Raise `InputError` where config.json tells of a larger model than the weights are, before one of its size is made."""
    width, num_layers = model.model_width, model.num_layers
    if not any(width in weight.shape for weight in weights.values()):
        raise InputError(f"config.json tells of a width of {width:,}, and no weight has it; they are of another model")
    found = [int(number) for name in weights for number in _LAYER.findall(name)]
    if found and max(found) + 1 < num_layers:
        raise InputError(
            f"config.json tells of {num_layers:,} layers, and the weights have {max(found) + 1:,}; they are of another model"
        )


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read a .safetensors file: this one, model.safetensors, the pieces that an index names, or the only one of a folder."""
    only = [folder] if folder.is_file() else sorted(folder.glob("*.safetensors"))
    try:
        if (folder / "model.safetensors").is_file():
            return load_file(folder / "model.safetensors")
        if (folder / INDEX).is_file():
            pieces = set(json.loads((folder / INDEX).read_bytes())["weight_map"].values())
            if any(Path(piece).name != piece for piece in pieces):
                raise InputError(f"{folder / INDEX} names files outside its folder")
            return {name: tensor for piece in sorted(pieces) for name, tensor in load_file(folder / piece).items()}
        if len(only) == 1:
            return load_file(only[0])
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"the weights in {folder} cannot be read: {error}") from error
    pickled = [each.name for each in folder.glob("*.bin")] + [each.name for each in folder.glob("*.pt")]
    why = (
        f"; {pickled[0]} is a pickle, which may run code and is never opened: save it as safetensors" if pickled else ""
    )
    raise InputError(f"{folder} has no model.safetensors{why}")


def tokenizer_of(folder: Path) -> Tokenizer | None:
    return Tokenizer.load(folder) if (folder / TOKENIZER_FILE).is_file() else None
