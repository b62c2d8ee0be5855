"""Find an architecture by its usual name, by a config file, or by a size alone."""

from __future__ import annotations

import difflib
import re
import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from economics.architecture.base import Architecture
from economics.architecture.convolution import VGG, AlexNet, ResNet
from economics.architecture.decoder import Decoder
from economics.architecture.encoder import Encoder
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.hugging_face import read_config_file
from economics.architecture.hugging_face_decoders import decoder_from_values, model_types
from economics.architecture.recommender import DLRM, SASRec, TwoTower
from economics.architecture.sizing import decoder_of_size
from economics.architecture.vision import VisionTransformer
from economics.errors import InputError, UnknownNameError

_ALIASES = {
    "gpt3": "gpt3-175b",
    "gpt-3": "gpt3-175b",
    "gpt-j": "gpt-j-6b",
    "gptj": "gpt-j-6b",
    "gpt-2": "gpt2",
    "llama-30b": "llama-33b",
    "llama-2": "llama-2-7b",
    "bert": "bert-base-uncased",
    "bert-base": "bert-base-uncased",
    "bert-large": "bert-large-uncased",
    "minilm": "all-minilm-l6-v2",
    "distilbert": "distilbert-base-uncased",
    "mixtral": "mixtral-8x7b",
    "deepseek-v3-671b": "deepseek-v3",
    "tinyllama": "tinyllama-1.1b",
    "bloom": "bloom-176b",
}


@lru_cache(maxsize=1)
def presets() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return every preset by name: its kind and its sizes.

    >>> len(presets()) >= 50
    True
    """
    text = resources.files("economics.catalogue").joinpath("architectures.toml").read_text(encoding="utf-8")
    return {name: (kind, sizes) for kind, group in tomllib.loads(text).items() for name, sizes in group.items()}


@lru_cache(maxsize=256)
def preset(name: str) -> Architecture:
    """Return a preset by its exact name.

    >>> preset("resnet-50").parameters().total
    25557032
    """
    kind, sizes = presets()[name]
    values = {key: value for key, value in sizes.items() if key not in ("published", "type", "config")}
    if kind == "decoder":
        values = {**model_types()[sizes["type"]]["defaults"], **values}
        return decoder_from_values(sizes["type"], values, sizes.get("config"), name=name)
    return _BUILDERS[kind](values, name)


def _encoder(v: dict[str, Any], name: str) -> Architecture:
    return Encoder(
        num_layers=v["layers"], model_width=v["width"], num_heads=v["heads"], feed_forward_width=v["inner"],
        vocabulary_size=v["vocabulary"], context_length=v.get("context", 512), num_types=v.get("types", 2),
        pooler=v.get("pooler", True), rotary=v.get("rotary", False), gated=v.get("gated", False), bias=v.get("bias", True),
        norm_bias=v.get("bias", True), window=v.get("window", 0), num_window_layers=v.get("window_layers", 0), name=name,
    )  # fmt: skip


def _encoder_decoder(v: dict[str, Any], name: str) -> Architecture:
    form: dict[str, Any] = {}
    if v.get("form") == "original":
        form = {"bias": True, "norm": "layer", "norms": "post", "positions": "sinusoidal"}
    elif v.get("form") == "bart":
        form = {"bias": True, "norm": "layer", "norms": "post", "positions": "learned", "num_extra_positions": 2,
                "embedding_norm": True}  # fmt: skip
    elif v.get("form") == "whisper":
        form = {"bias": True, "key_bias": False, "norm": "layer", "positions": "learned", "num_source_positions": 1500,
                "num_mel_channels": v.get("mel", 80)}  # fmt: skip
    return EncoderDecoder(
        num_encoder_layers=v["layers"], num_decoder_layers=v.get("decoder_layers", v["layers"]), model_width=v["width"],
        num_heads=v["heads"], head_width=v.get("head", 0), feed_forward_width=v["inner"],
        vocabulary_size=v["vocabulary"], context_length=v.get("context", 512), gated=v.get("gated", False),
        tied_embeddings=v.get("tied", True), name=name, **form,
    )  # fmt: skip


def _vision(v: dict[str, Any], name: str) -> Architecture:
    return VisionTransformer(
        num_layers=v["layers"], model_width=v["width"], num_heads=v["heads"], patch_size=v["patch"], name=name
    )


def _convolutional(v: dict[str, Any], name: str) -> Architecture:
    if not v:
        return AlexNet(name=name)
    if "stages" in v:
        return VGG(stages=tuple(tuple(stage) for stage in v["stages"]), name=name)
    return ResNet(depths=tuple(v["depths"]), block=v.get("block", "bottleneck"), name=name)


def _recommender(v: dict[str, Any], name: str) -> Architecture:
    if "tower" in v:
        return TwoTower(
            user_rows=tuple(v["user_rows"]), item_rows=tuple(v["item_rows"]), embedding_width=v["width"],
            tower=tuple(v["tower"]), name=name,
        )  # fmt: skip
    if "layers" in v:
        return SASRec(
            table_rows=tuple(v["rows"]), embedding_width=v["width"], num_layers=v["layers"], num_heads=v["heads"],
            context_length=v["context"], name=name,
        )  # fmt: skip
    return DLRM(
        table_rows=tuple(v["rows"]), embedding_width=v["width"], bottom=tuple(v["bottom"]), top=tuple(v["top"]),
        interaction=v.get("interaction", "dot"), cross_layers=v.get("cross_layers", 3),
        cross_rank=v.get("cross_rank", 512), rows_per_lookup=v.get("rows_per_lookup", 1.0), name=name,
    )  # fmt: skip


_BUILDERS = {
    "encoder": _encoder,
    "encoder-decoder": _encoder_decoder,
    "vision-transformer": _vision,
    "convolutional": _convolutional,
    "recommender": _recommender,
}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "", name.lower().rsplit("/", maxsplit=1)[-1])


_ENDINGS = re.compile(r"[-_ ](hf|base|instruct|chat|it|pt|fp8|bf16|v\d+(\.\d+)?|4k|8k|128k)$")


def _spellings(text: str) -> list[str]:
    """The plain forms under which a name may be listed: without publisher, and without what marks a later stage."""
    lowered = text.lower().strip()
    found = [re.sub(r"[^a-z0-9.]+", "", lowered), _plain(lowered)]
    name = lowered.rsplit("/", maxsplit=1)[-1]
    while _ENDINGS.search(name):
        name = _ENDINGS.sub("", name)
        found.append(_plain(name))
    found += [re.sub(r"coder|math", "", spelling) for spelling in found if spelling.startswith("qwen")]  # tuned later
    found += [spelling.removeprefix("meta") for spelling in found if spelling.startswith("meta")]
    return found


def find_architecture(model: str) -> tuple[Architecture, str]:
    """Return what a person means by a model, and the name of what was taken.

    In this order: a file or folder with a config.json, a preset (spelling and the publisher's prefix are forgiven),
    a number of parameters such as `7B` (a usual dense decoder of that size).

    Raises
    ------
    UnknownNameError : with the nearest names

    >>> find_architecture("meta-llama/Llama-3.1-8B")[1]
    'llama-3.1-8b'
    >>> find_architecture("7B")[1]
    'a dense decoder of about 7B parameters'
    """
    text = model.strip()
    if not text:
        raise UnknownNameError("model", model, "a preset (gpt2, llama-3.1-8b, ...), a config.json or a size like 7B")
    path = Path(text).expanduser()
    if text.endswith(".json") or (path.exists() and ("/" in text or path.is_dir() or path.is_file())):
        return read_config_file(path), str(path)
    key = text.lower().rsplit("/", maxsplit=1)[-1].replace("_", "-")
    key = _ALIASES.get(key, key)
    if key in presets():
        return preset(key), key
    plain = {_plain(name): name for name in presets()}
    for candidate in _spellings(text):
        if candidate in plain:
            return preset(plain[candidate]), plain[candidate]
    if re.fullmatch(r"[\d.,_eE+]+\s*[kKmMbBtTG]?", text):
        from economics.units import parse_quantity

        size = parse_quantity(text, field="model")
        return decoder_of_size(size), f"a dense decoder of about {text} parameters"
    beginning = [name for name in presets() if name.startswith(f"{key}-")]
    if len(beginning) == 1:  # no other preset is meant: mistral-nemo is mistral-nemo-12b
        return preset(beginning[0]), beginning[0]
    near = beginning or difflib.get_close_matches(key, list(presets()), n=4, cutoff=0.4)
    right = (
        "a preset ("
        + ", ".join(near or ["gpt2", "llama-3.1-8b", "resnet-50"])
        + ", ...), a config.json or a size like 7B"
    )
    raise UnknownNameError("model", model, right)


def find_decoder(model: str) -> tuple[Decoder, str]:
    """Return a decoder by name, file or size; other kinds of model are refused with a sentence.

    >>> find_decoder("gpt2")[0].num_layers
    12
    """
    architecture, name = find_architecture(model)
    if not isinstance(architecture, Decoder):
        raise InputError("model", model, f"a decoder (this is a model of kind {architecture.kind})")
    return architecture, name
