"""What a browser may ask of a model: the first wall in front of the inference process, which checks once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import msgspec
from django.utils.translation import gettext as _

from trainer.guards import GuardRule

MAX_PROMPT_CHARACTERS = 200_000
MAX_IMAGE_CHARACTERS = 8_000_000  # 6 MB
Unit = Annotated[float, msgspec.Meta(ge=0, le=1)]
Prompt = Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARACTERS)]


class Ask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of the playground's socket. `id` is the browser's own, and comes back with every answer."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    op: str
    checkpoint: str = ""

    def passed(self, prompt: str, rules: Sequence[GuardRule]) -> Self:
        """Return the ask as it may go on, with the prompt that its checks left."""
        return msgspec.structs.replace(self, prompt=prompt)


class Cancel(Ask, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """End the answer that was asked for with this id."""


class PromptAsk(Ask, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ask about a text."""

    prompt: Prompt = ""


class PictureAsk(PromptAsk, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ask about a picture; `prompt` is its name."""

    image: Annotated[str, msgspec.Meta(max_length=MAX_IMAGE_CHARACTERS)] = ""
    """The picture's bytes in base64."""


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


class WriteAsk(Ask, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ask for text, and how it is to be written."""

    settings: Sampling = Sampling()
    draft: str = ""
    """Code of the checkpoint of a small model that guesses ahead; the text stays the same."""

    engine: Literal["", "llama.cpp"] = ""
    """Who writes: we ourselves, or llama.cpp with the model's GGUF export."""


def parse_ask(content: Any) -> Any:
    """Return the message, of the type that its op asks for; raise ValueError with a sentence that names the field."""
    from webapp.serving.abilities import abilities  # they are made of what stands here

    op = content.get("op") if isinstance(content, dict) else None
    ability = abilities().get(op) if isinstance(op, str) else None
    try:
        if ability is None and op != "cancel":
            raise msgspec.ValidationError(f"op must be one of {', '.join(abilities())}, cancel")
        return msgspec.convert(content, ability.ask if ability else Cancel)
    except msgspec.ValidationError as error:
        raise ValueError(_("This cannot be asked of a model: %(why)s.") % {"why": error}) from error
