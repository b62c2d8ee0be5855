"""Continue a text, token by token."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import msgspec

from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.inference.operations.asking import ModelRequest, Operation, Steps, prompt_answer, read
from trainer.inference.sampling import SamplingSpec
from trainer.inference.writing import Writing, Written


class WriteRequest(ModelRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an answer is written, whatever it answers."""

    settings: dict[str, Any] = {}
    """Fields of `SamplingSpec`."""

    draft: str = ""
    """Folder of a small model's checkpoint that guesses ahead."""

    engine: str = ""
    """Who writes: a GGUF file of the model for llama.cpp, the URL of a server that holds it; empty: we ourselves."""


class GenerateRequest(WriteRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prompt: str = ""


def stream(loaded: LoadedModel, request: GenerateRequest) -> Steps:
    """Yield `start` with the prompt as it was read, then a `token` at a time."""
    settings = read_settings(request.settings)
    prompt = read(loaded, request.prompt, num_new_tokens=settings.num_tokens)
    written = loaded.write(prompt.tokens, settings, draft=request.draft, engine=request.engine)
    return told(prompt_answer(prompt), written)


def told(start: dict[str, Any], written: Writing | Generator[Written]) -> Steps:
    """Yield what is written as it comes; return how much it was, how fast, and why it ended."""
    began = time.monotonic()
    num_tokens, end = 0, "cancelled"
    try:
        is_cancelled = yield "start", start
        while not is_cancelled and (one := next(written, None)) is not None:
            num_tokens, end = num_tokens + 1, one.end or "cancelled"
            is_cancelled = yield "token", {"text": one.text, "token": one.token, "probability": one.probability}
    finally:
        written.close()
    seconds = time.monotonic() - began
    rate = {"num_tokens": num_tokens, "end": end, "seconds": seconds, "tokens_per_second": num_tokens / seconds}
    return rate | guessed(written)


def guessed(written: Writing | Generator[Written]) -> dict[str, Any]:
    """Return how many tokens a draft guessed, and which fraction of them was right; nothing without one."""
    if not isinstance(written, Writing) or not written.num_guessed:
        return {}
    return {"num_guessed": written.num_guessed, "acceptance": written.num_right / written.num_guessed}


def read_settings(raw: dict[str, Any]) -> SamplingSpec:
    """Return the settings of a request; raise `InputError` with a sentence where they are wrong."""
    known = SamplingSpec.__dataclass_fields__
    if unknown := sorted(set(raw) - set(known)):
        raise InputError(f"settings have no {', '.join(unknown)}; they have {', '.join(known)}")
    try:
        return msgspec.convert(raw, SamplingSpec)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        raise cause if isinstance(cause, InputError) else InputError(f"settings: {error}") from error


OPERATION = Operation(name="generate", request=GenerateRequest, stream=stream)
