"""GGUF: one file with weights, sizes and tokenizer for llama.cpp, written from the Hugging Face form and run by llama.cpp."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.adapt.build import merged_weights
from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError
from trainer.formats.check import Check, compare
from trainer.formats.graph import Graph, load_graph
from trainer.formats.llama_cpp import LlamaCpp
from trainer.formats.quiet import quietly
from trainer.formats.spec import ExportSpec

FILE = "model.gguf"
ARCHITECTURES = ("gpt2", "llama", "qwen2", "qwen3")
TOLERANCES = {"float32": 2e-2, "float16": 5e-2, "int8": 1.0}
"""Largest difference of a log probability. llama.cpp rounds keys and values to float16, whatever the weights are in."""
PRE_TOKENIZER = "llama-bpe"
"""llama.cpp's way to cut text that comes nearest to ours; where they part, another text of the same bytes comes out."""
SAMPLE_TEXTS = (
    "The price rose by 12.5% in 2026.\n",
    "def area(r):\n    return 3.14159 * r ** 2\n",
    "今天天气很好，我们去公园吧。\n",
)
GPT2_TRANSPOSED = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")


def write(spec: ExportSpec, folder: Path) -> Check:
    """Write `model.gguf`; return how llama.cpp's answers compare."""
    loaded, graph = load_graph(Path(spec.checkpoint), sha256=spec.sha256)
    assert loaded.stored is not None
    config, weights = loaded.task.export(merged_weights(loaded.stored))
    if config is None or config["model_type"] not in ARCHITECTURES:
        raise InputError(
            f"llama.cpp has no model of this form; GGUF can be written of {', '.join(ARCHITECTURES)} forms"
        )
    tokenizer = loaded.task.assets.tokenizer
    with quietly("gguf", level=logging.WARNING):
        write_file(folder / FILE, config, weights, tokenizer, name=spec.name or folder.name, numbers=spec.weights)
    return check(graph, folder / FILE, tokenizer, numbers=spec.weights)


def write_file(
    path: Path, config: Mapping[str, Any], weights: dict[str, Tensor], tokenizer: Tokenizer, *, name: str, numbers: str
) -> None:
    """Write sizes, tokenizer and weights."""
    import gguf

    kind = str(config["model_type"])
    writer = gguf.GGUFWriter(str(path), kind)
    writer.add_name(name)
    num_layers = add_sizes(writer, config)
    add_tokenizer(writer, tokenizer)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[kind.upper()], num_layers)
    kinds = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "int8": "Q8_0"}
    for theirs, tensor in weights.items():
        if (found := names.get_name(theirs, try_suffixes=(".weight", ".bias"))) is None:
            raise InputError(f"llama.cpp has no place for the weights {theirs}")
        array = as_llama_cpp(theirs, tensor.float(), config)
        wanted = gguf.GGMLQuantizationType[kinds[numbers] if is_matrix(array) else "F32"]
        writer.add_tensor(found, gguf.quants.quantize(array, wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_sizes(writer: Any, config: Mapping[str, Any]) -> int:
    """Write the sizes; return the number of layers."""
    if config["model_type"] == "gpt2":
        layers, width, heads = config["n_layer"], config["n_embd"], config["n_head"]
        writer.add_context_length(config["n_positions"])
        writer.add_feed_forward_length(config["n_inner"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    else:
        layers, width, heads = config["num_hidden_layers"], config["hidden_size"], config["num_attention_heads"]
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count_kv(config["num_key_value_heads"])
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
        writer.add_rope_dimension_count(config["head_dim"])
        writer.add_rope_freq_base(config["rope_theta"])
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_vocab_size(config["vocab_size"])
    return int(layers)


def add_tokenizer(writer: Any, tokenizer: Tokenizer) -> None:
    """Write the byte-level vocabulary, its merges, and which token ends a text."""
    import gguf

    pieces, merges = tokenizer.byte_level_vocabulary()
    kinds = [
        gguf.TokenType.CONTROL if tokenizer.is_special(number) else gguf.TokenType.NORMAL
        for number in range(len(pieces))
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(pieces)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokenizer.end_of_text_id)
    writer.add_eos_token_id(tokenizer.end_of_text_id)
    writer.add_add_bos_token(False)


def as_llama_cpp(name: str, tensor: Tensor, config: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return the weights as llama.cpp reads them: GPT-2's matrices turned, the pairs of Llama's rotary heads side by side."""
    if config["model_type"] == "gpt2" and name.endswith(tuple(f"{each}.weight" for each in GPT2_TRANSPOSED)):
        tensor = tensor.t()
    if config["model_type"] == "llama" and "q_proj" in name:
        tensor = interleave(tensor, config["num_attention_heads"])
    if config["model_type"] == "llama" and "k_proj" in name:
        tensor = interleave(tensor, config["num_key_value_heads"])
    return np.ascontiguousarray(tensor.numpy(), dtype=np.float32)


def interleave(tensor: Tensor, num_heads: int) -> Tensor:
    """Put the two halves of each head's rows (H * K, ...) one between the other: rows 0, K/2, 1, K/2 + 1, ..."""
    halves = tensor.view(num_heads, 2, -1, *tensor.shape[1:])
    return halves.transpose(1, 2).reshape(tensor.shape)


def is_matrix(array: NDArray[Any]) -> bool:
    """Whether the weights may be stored in narrower numbers: a matrix whose rows are whole blocks of 32."""
    return array.ndim == 2 and array.shape[1] % 32 == 0


def check(graph: Graph, path: Path, tokenizer: Tokenizer, *, numbers: str) -> Check:
    """Let llama.cpp foretell the token behind each of some inputs; compare its log probabilities with ours."""
    ours, theirs = [], []
    with LlamaCpp(path, context_length=graph.longest) as engine:
        for (tokens,) in graph.examples():
            for row in tokens:
                found = engine.next_log_probabilities(row.tolist())
                expected = torch.from_numpy(graph.answer((row[None],))[0, -1]).log_softmax(dim=-1)
                ours.append(expected.numpy())
                theirs.append(found)
        same = [engine.tokens_of(text) == tokenizer.encode(text) for text in SAMPLE_TEXTS]
    return compare(
        ours,
        theirs,
        runner=engine.version,
        compared=(
            f"log probabilities of the next token behind {len(ours)} inputs; "
            f"{sum(same)} of {len(same)} sample texts are cut into the same tokens"
        ),
        tolerance=TOLERANCES[numbers],
    )
