"""Sorts what a profiler saw into the few kinds that people can act on."""

from __future__ import annotations

from collections.abc import Iterable

PARTS = ("matrix products", "attention", "memory", "optimizer", "data", "sync", "rest")
"""Compute bound, compute bound, memory bound (norms, activations, softmax, copies), and so on."""
DATA_LABEL = "isocost: data"

_BEGINNINGS = {
    "data": (DATA_LABEL, "DataLoader", "enumerate(DataLoader)"),
    "sync": ("cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaMemcpyAsync", "aten::item", "aten::_local_scalar_dense"),
    "optimizer": ("aten::_fused_adam", "Optimizer.", "aten::_foreach", "aten::linalg_vector_norm"),
    "attention": ("aten::_scaled_dot", "aten::scaled_dot", "aten::_flash_attention", "aten::bmm", "aten::baddbmm"),
    "matrix products": (
        "aten::mm", "aten::addmm", "aten::linear", "aten::matmul", "aten::convolution", "aten::_convolution",
        "aten::mkldnn_conv", "aten::convolution_backward", "aten::cudnn_conv", "mkldnn::", "aten::mkldnn_linear",
    ),
}  # fmt: skip
_MEMORY = ("aten::", "## Call CompiledFxGraph", "triton_")


def part_of(name: str) -> str:
    """Return the part that an operation belongs to; compiled loops, like all elementwise work, wait for memory."""
    for part, beginnings in _BEGINNINGS.items():
        if name.startswith(beginnings):
            return part
    return "memory" if name.startswith(_MEMORY) else "rest"


def seconds_by_part(operations: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Add up the seconds of operations, each without those that it called."""
    found = dict.fromkeys(PARTS, 0.0)
    for name, seconds in operations:
        found[part_of(name)] += seconds
    return found
