"""Spec of the job kind `export`, and the formats there are. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainer.errors import SpecError

FormatName = Literal["folder", "onnx", "torch_export", "gguf"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A form that a model can be taken away in."""

    name: FormatName
    title: str
    summary: str
    """One sentence: who reads it."""

    writer: str
    """`module:function` that writes it into a folder and returns the check; imported only where torch runs."""


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(
            name="folder",
            title="Hugging Face folder",
            summary="safetensors, config.json and tokenizer, as transformers loads them where it has such a model.",
            writer="trainer.formats.folder:write",
        ),
        Format(
            name="onnx",
            title="ONNX",
            summary="A graph that onnxruntime runs on servers, phones and in browsers, without PyTorch.",
            writer="trainer.formats.onnx:write",
        ),
        Format(
            name="torch_export",
            title="torch.export",
            summary="A program of PyTorch operations, for AOTInductor, ExecuTorch and C++.",
            writer="trainer.formats.torch_export:write",
        ),
        Format(
            name="gguf",
            title="GGUF",
            summary="One file that llama.cpp and what is built on it run on processors and laptops.",
            writer="trainer.formats.gguf:write",
        ),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportSpec:
    """Write a checkpoint in a format of others, and hold what it says there against the original."""

    checkpoint: str
    """Folder of the checkpoint."""

    sha256: str = ""
    """Of its manifest; checked when given."""

    format: FormatName = "folder"
    """folder, onnx, torch_export or gguf."""

    weights: Literal["float32", "float16", "int8"] = "float32"
    """Number format of the weights. gguf only: the other formats keep the model's own."""

    name: str = ""
    """Name of the model, as it stands in what is written."""

    def __post_init__(self) -> None:
        if self.weights != "float32" and self.format != "gguf":
            raise SpecError(
                f"weights is {self.weights}; only gguf has a choice of it: {self.format} keeps the model's own, so leave it out"
            )
