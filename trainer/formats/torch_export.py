"""torch.export: the model as a program of PyTorch operations with open sizes, read back and run."""

from __future__ import annotations

from pathlib import Path

import torch

from trainer.formats.check import Check, compare
from trainer.formats.graph import Graph, load_graph
from trainer.formats.spec import ExportSpec

FILE = "model.pt2"
TOLERANCE = 1e-4


def write(spec: ExportSpec, folder: Path) -> Check:
    """Write `model.pt2` and what its inputs need; return how its answers compare."""
    loaded, graph = load_graph(Path(spec.checkpoint), sha256=spec.sha256)
    torch.export.save(program_of(graph), folder / FILE)
    loaded.task.assets.save(folder)
    return check(graph, folder / FILE)


def program_of(graph: Graph) -> torch.export.ExportedProgram:
    """Trace the graph with the sizes that may change left open."""
    sizes = tuple(dict.fromkeys(each, torch.export.Dim.AUTO) for each in graph.open_sizes)
    return torch.export.export(graph.module, graph.examples()[1], dynamic_shapes=sizes)


def check(graph: Graph, path: Path) -> Check:
    """Read the file that was just written, run it and compare."""
    module = torch.export.load(path).module()
    with torch.no_grad():
        pairs = [(graph.answer(inputs), module(*inputs).float().numpy()) for inputs in graph.examples()]
    return compare(
        [ours for ours, _ in pairs],
        [theirs for _, theirs in pairs],
        runner=f"torch {torch.__version__}",
        compared=f"{graph.output_name} of {len(pairs)} inputs of different sizes",
        tolerance=TOLERANCE,
    )
