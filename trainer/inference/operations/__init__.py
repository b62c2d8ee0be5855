"""What a loaded model can be asked for. Each operation is a file here that holds `OPERATION`; adding one means adding files.

trainer/inference/operations/<name>.py    the fields of its request, and the function that answers it
webapp/serving/abilities/<name>.py        what a browser may ask, and what is kept of the answer
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from trainer.inference.operations.asking import Operation


@cache
def operations() -> Mapping[str, Operation]:
    """Return every operation by name, found by looking through this folder."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    found = [module.OPERATION for module in modules if hasattr(module, "OPERATION")]
    return {operation.name: operation for operation in found}
