"""What a browser may ask of a model: the first wall in front of the inference process, which checks once more."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from django.utils.translation import gettext as _

MAX_PROMPT_CHARACTERS = 200_000
MAX_IMAGE_CHARACTERS = 8_000_000  # 6 MB
Unit = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Sampling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the next token is drawn. The names are those of the inference process."""

    num_tokens: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 128
    temperature: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.8
    top_k: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    top_p: Unit = 1.0
    min_p: Unit = 0.0
    repetition_penalty: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.0
    stop: Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=200)]], msgspec.Meta(max_length=8)] = []
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0


class Ask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of the playground's socket. `id` is the browser's own, and comes back with every answer."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    op: Literal["generate", "inspect", "attention", "predict", "predict_image", "explain", "cancel"]
    checkpoint: str = ""
    prompt: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARACTERS)] = ""
    image: Annotated[str, msgspec.Meta(max_length=MAX_IMAGE_CHARACTERS)] = ""
    """A picture's bytes in base64; `prompt` is then its name."""

    settings: Sampling = Sampling()
    layer: Annotated[int, msgspec.Meta(ge=0)] = 0
    head: Annotated[int, msgspec.Meta(ge=0)] = 0
    answer: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """explain: the label, or the next token; empty: the likeliest."""


def parse_ask(content: Any) -> Ask:
    """Return the message; raise ValueError with a sentence that names the field for anything else."""
    try:
        return msgspec.convert(content, Ask)
    except msgspec.ValidationError as error:
        raise ValueError(_("This cannot be asked of a model: %(why)s.") % {"why": error}) from error
