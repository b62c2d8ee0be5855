"""A model by its name on the Hugging Face hub, for machines with a network: fetched once, then it lies in the hub's cache."""

from __future__ import annotations

import re
from pathlib import Path

from trainer.errors import InputError

_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
"""`owner/model`, or `owner/model@revision` to hold to one state of it."""

WANTED = ["*.json", "*.safetensors"]
"""Never a pickle: those may run code."""


def located(source: str) -> Path:
    """Return the folder that `source` names: a path as it is, otherwise a model of the hub, fetched."""
    path, named = Path(source), _NAME.fullmatch(source)
    if path.exists() or named is None:
        return path
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(named[1], revision=named[2], allow_patterns=WANTED))
    except Exception as error:  # the library has many kinds of them, for as many ways a network fails
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{source} is no folder here, and could not be fetched from the Hugging Face hub ({why}); "
            "copy the model's folder to this machine and name that"
        ) from error
