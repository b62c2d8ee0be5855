"""ONNX: the model's graph for onnxruntime, traced by torch and run by onnxruntime on inputs of several sizes."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch

from trainer.formats.check import Check, compare
from trainer.formats.graph import Graph, load_graph
from trainer.formats.quiet import quietly
from trainer.formats.spec import ExportSpec

FILE = "model.onnx"
TOLERANCE = 1e-3
"""Sums are taken in another order: logits of a few tens in float32 then differ in their fifth digit."""


def write(spec: ExportSpec, folder: Path) -> Check:
    """Write `model.onnx` and what its inputs need; return how its answers compare."""
    loaded, graph = load_graph(Path(spec.checkpoint), sha256=spec.sha256)
    write_graph(graph, folder / FILE)
    loaded.task.assets.save(folder)
    return check(graph, folder / FILE)


def write_graph(graph: Graph, path: Path) -> None:
    """Trace the graph, the sizes that may change left open, and write it as one file."""
    with quietly("torch.onnx", "onnxscript", level=logging.ERROR):
        program = torch.onnx.export(
            graph.module,
            graph.examples()[1],
            dynamo=True,
            dynamic_shapes=graph.open_sizes,
            input_names=list(graph.input_names),
            output_names=[graph.output_name],
            verbose=False,
        )
    assert program is not None
    program.save(path, external_data=False)


def check(graph: Graph, path: Path) -> Check:
    """Run the file by onnxruntime and compare."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    ours, theirs = [], []
    for inputs in graph.examples():
        ours.append(graph.answer(inputs))
        given = {name: np.asarray(tensor.numpy()) for name, tensor in zip(names, inputs, strict=True)}
        theirs.append(np.asarray(session.run(None, given)[0]))
    return compare(
        ours,
        theirs,
        runner=f"onnxruntime {onnxruntime.__version__}",
        compared=f"{graph.output_name} of {len(ours)} inputs of different sizes",
        tolerance=TOLERANCE,
    )
