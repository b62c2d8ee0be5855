"""Which family a model of others belongs to, and with which settings. Imports no torch.

A family that reads folders of Hugging Face has `hf_config.py` beside its `spec.py`: `MODEL_TYPES` and
`spec_of_hf_config(config)`. One that reads bare weights, as torchvision and timm have them, has `state_dict.py`:
`spec_of_shapes(shapes)`, which returns its settings, or None for weights of another model.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from trainer.errors import InputError
from trainer.families import Family, families

CONFIG = "config.json"


def config_of(folder: Path) -> dict[str, Any]:
    """Read config.json; raise `InputError` where there is none."""
    try:
        raw = json.loads((folder / CONFIG).read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{folder} is neither a checkpoint, nor an exported model, nor a folder of Hugging Face: it has no {CONFIG}"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / CONFIG} cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise InputError(f"{folder / CONFIG} holds no object")
    return raw


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes in a .safetensors file, or in the only one of a folder; empty where there is none."""
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        return {}
    try:
        with safe_open(files[0], framework="numpy") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{files[0]} cannot be read: {error}") from error


def spec_of_state_dict(path: Path) -> tuple[Family, Any] | None:
    """Return the family and settings of bare weights; None where no family knows them."""
    shapes = shapes_of(path)
    for family in families().values() if shapes else ():
        name = f"trainer.models.{family.name}.state_dict"
        if importlib.util.find_spec(name) is not None:
            model = importlib.import_module(name).spec_of_shapes(shapes)
            if model is not None:
                return family, model
    return None


def readers() -> dict[str, Family]:
    """Return the family that reads each type of model."""
    found: dict[str, Family] = {}
    for family in families().values():
        name = f"trainer.models.{family.name}.hf_config"
        if importlib.util.find_spec(name) is not None:
            found |= dict.fromkeys(importlib.import_module(name).MODEL_TYPES, family)
    return found


def family_of_config(config: dict[str, Any]) -> Family:
    known = readers()
    kind = str(config.get("model_type"))
    if kind not in known:
        raise InputError(f"config.json is of a {kind!r} model; these can be read: {', '.join(sorted(known))}")
    return known[kind]


def spec_of_config(family: Family, config: dict[str, Any]) -> Any:
    """Return the family's settings of such a model."""
    try:
        return importlib.import_module(f"trainer.models.{family.name}.hf_config").spec_of_hf_config(config)
    except KeyError as error:
        raise InputError(f"config.json has no {error}; it is not complete") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise InputError(f"config.json holds something else than it should: {error}") from error
