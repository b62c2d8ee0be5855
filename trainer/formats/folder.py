"""The folder that transformers loads, loaded by transformers and held against the original.

Where transformers has no such model, the folder is ours alone, and ours is what reads it back.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.export import CONFIG, load_exported, write_files
from trainer.formats.check import Check, compare
from trainer.formats.graph import Graph
from trainer.formats.quiet import quietly
from trainer.formats.spec import ExportSpec
from trainer.inference.loading import load_model

TOLERANCE = 1e-3
FIELDS = ("logits", "last_hidden_state")
"""What a model of transformers answers with: logits, or an encoder without a head its vectors."""


def write(spec: ExportSpec, folder: Path) -> Check:
    """Write the folder; return how the answers of what is loaded from it compare."""
    loaded = load_model(Path(spec.checkpoint), sha256=spec.sha256, device="cpu")
    assert loaded.stored is not None
    write_files(folder, loaded.stored, loaded.task, name=spec.name or folder.name)
    if not (folder / CONFIG).exists():
        return check_by_ours(loaded.model, folder)
    graph = loaded.task.graph(loaded.model)
    assert graph is not None, "what has a config of transformers is a graph"
    return check_by_transformers(replace(graph, module=graph.before_pooling or graph.module), folder)


def check_by_transformers(graph: Graph, folder: Path) -> Check:
    """Load the folder by transformers, by the class that its config names, and compare."""
    with quietly("transformers", level=logging.ERROR):
        import transformers

        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        config = transformers.AutoConfig.from_pretrained(folder)  # nosec B615: a folder of our own
        model = getattr(transformers, config.architectures[0]).from_pretrained(folder).eval()  # nosec B615
    ours = [graph.answer(inputs) for inputs in graph.examples()]
    theirs = [answer_of(model, inputs) for inputs in graph.examples()]
    if len(graph.input_names) == 2:  # what is said of places that are not there counts for nothing
        masks = [inputs[1].numpy() for inputs in graph.examples()]
        ours, theirs = (
            [without(a, m) for a, m in zip(ours, masks, strict=True)],
            [without(a, m) for a, m in zip(theirs, masks, strict=True)],
        )
    return compare(
        ours,
        theirs,
        runner=f"transformers {transformers.__version__}",
        compared=f"{graph.output_name} of {len(ours)} inputs of different sizes",
        tolerance=TOLERANCE,
    )


@torch.no_grad()
def answer_of(model: Any, inputs: tuple[torch.Tensor, ...]) -> NDArray[Any]:
    found = model(input_ids=inputs[0], **({"attention_mask": inputs[1].long()} if len(inputs) > 1 else {}))
    value = next(getattr(found, name) for name in FIELDS if getattr(found, name, None) is not None)
    return np.asarray(value.float().numpy())


def without(answer: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the answers at the places that are there, where there is one for each place."""
    return answer[mask] if answer.ndim == 3 else answer


def check_by_ours(model: torch.nn.Module, folder: Path) -> Check:
    """Read the folder back and compare all weights."""
    _, found = load_exported(folder)
    pairs = [
        (a.detach().float().numpy(), b.detach().float().numpy())
        for a, b in zip(model.parameters(), found.parameters(), strict=True)
    ]
    return compare(
        [ours.reshape(1, -1) for ours, _ in pairs],
        [theirs.reshape(1, -1) for _, theirs in pairs],
        runner="Isocost (transformers has no such model)",
        compared=f"{len(pairs)} tensors of weights",
        tolerance=0.0,
    )
