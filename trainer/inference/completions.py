"""Texts written by somebody else's engine: a server that speaks the completions protocol of OpenAI.

vLLM and SGLang do on machines with graphics processors, llama.cpp on those without. They must hold the same model, as it
was exported: they are given tokens, not text. Where the answer names its tokens, text is made of them as everywhere else.
"""

from __future__ import annotations

import json
import math
import os
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import torch

from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError, TrainerError
from trainer.inference.sampling import SamplingSpec
from trainer.inference.writing import Shown, Written

KEY_VARIABLE = "ISOCOST_ENGINE_KEY"
SECONDS_TO_ANSWER = 120
LONGEST_TEXT = 2**16
"""Tokens back to which a repetition counts."""
NUM_TEXTS = 4
"""That llama.cpp writes at once."""


class Completions:
    """A server at a URL such as http://127.0.0.1:8000/v1."""

    def __init__(self, url: str, tokenizer: Tokenizer, *, key: str = "", limit: str = "") -> None:
        self.url, self.tokenizer, self.key = url.rstrip("/"), tokenizer, key
        self.limit = limit or "the kernels of the server at that address: its paged attention and its matrix products"
        self._model: str | None = None

    def write(self, tokens: Sequence[int], settings: SamplingSpec) -> Generator[Written]:
        """Yield what the server writes behind the tokens; leaving early ends its work."""
        shown = Shown(settings, self.tokenizer)
        with closing(self._choices(self._request(tokens, settings))) as choices:
            for choice in choices:
                for one in written_of(choice, shown):
                    yield one
                    if one.end:
                        return

    def _choices(self, request: dict[str, Any]) -> Generator[dict[str, Any]]:
        """Yield the pieces of the answer to a request."""
        with self._open("/completions", request) as answer:
            for line in answer:
                if line.startswith(b"data: {"):
                    yield from choices_in(json.loads(line[6:]))

    def _request(self, tokens: Sequence[int], settings: SamplingSpec) -> dict[str, Any]:
        penalty = settings.repetition_penalty
        return {
            "model": self._name(),
            "prompt": list(tokens),
            "max_tokens": settings.num_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "min_p": settings.min_p,
            # without a temperature the likeliest is taken: asked for 1, llama.cpp does not sort its vocabulary for it
            "top_k": (settings.top_k or -1) if settings.temperature else 1,
            "repetition_penalty": penalty,  # vLLM's name, and llama.cpp's
            "repeat_penalty": penalty,
            "repeat_last_n": LONGEST_TEXT,
            "seed": settings.seed % 2**32,
            "stream": True,
            "logprobs": 1,
        }

    def _name(self) -> str:
        """Return the name of the server's model: the first, for it must hold this one alone."""
        if self._model is None:
            with self._open("/models", None) as answer:
                self._model = str(json.load(answer)["data"][0]["id"])
        return self._model

    def _open(self, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        request = urllib.request.Request(
            self.url + path, data=None if body is None else json.dumps(body).encode(), headers=headers
        )
        try:
            return urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER)  # nosec B310: http or https, see `engine_at`
        except urllib.error.HTTPError as error:
            said = error.read(500).decode(errors="replace")
            raise TrainerError(f"the engine at {self.url} refused: {error.code} {said}", code="engine") from error
        except OSError as error:
            raise TrainerError(f"the engine at {self.url} does not answer: {error}", code="engine") from error


def choices_in(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the piece that a message of a streamed answer holds, if any."""
    if "error" in message:
        raise TrainerError(f"the engine broke off: {message['error']}", code="engine")
    return list(message["choices"][:1])


def written_of(choice: dict[str, Any], shown: Shown) -> Iterator[Written]:
    """Yield what a piece of the answer lets through."""
    named = (choice.get("logprobs") or {}).get("content") or []
    if named and "id" in named[0]:
        yield from (shown.push(each["id"], probability_of(each)) for each in named)
    elif choice.get("text"):
        yield shown.push_text(choice["text"])
    if choice.get("finish_reason"):
        yield shown.ended("length" if choice["finish_reason"] == "length" else "end_of_text")


def probability_of(named: dict[str, Any]) -> float:
    return float(named["prob"]) if "prob" in named else math.exp(named["logprob"])


def engine_at(place: str, tokenizer: Tokenizer, *, context_length: int) -> Completions:
    """Return the engine that a person names: a GGUF file, which llama.cpp runs here, or the URL of a server."""
    if place.startswith(("http://", "https://")):
        return Completions(place, tokenizer, key=os.environ.get(KEY_VARIABLE, ""))
    path = Path(place)
    if path.suffix != ".gguf" or not path.is_file():
        raise InputError(
            f"there is no engine {place!r}; name a .gguf file, which llama.cpp runs, or a URL that begins with http"
        )
    return InLlamaCpp(path, tokenizer, context_length=context_length)


class InLlamaCpp(Completions):
    """llama.cpp in this process, with a GGUF file that was exported from the model.

    Pieces are handed over in memory, and their probabilities are those that the token was drawn with: over HTTP, and with
    the whole vocabulary sorted for each token as that costs otherwise, a third of a small model's speed is lost.
    """

    def __init__(self, path: Path, tokenizer: Tokenizer, *, context_length: int, num_texts: int = NUM_TEXTS) -> None:
        from trainer.formats.llama_cpp import LlamaCpp

        threads = torch.get_num_threads()
        self._server = LlamaCpp(path, context_length=context_length, num_threads=threads, num_texts=num_texts)
        limit = "memory bandwidth: ggml's product of the weights with one token reads them all for each token"
        super().__init__(f"{self._server.address}/v1", tokenizer, key=self._server.key, limit=limit)
        self._model = path.stem

    def _choices(self, request: dict[str, Any]) -> Generator[dict[str, Any]]:
        pieces, is_left = SimpleQueue[dict[str, Any] | None](), Event()
        asked = {**request, "post_sampling_probs": True}
        thread = Thread(target=self._server.stream, args=(asked, pieces.put, is_left.is_set))
        thread.start()
        try:
            while (message := pieces.get()) is not None:
                yield from choices_in(message)
        finally:
            is_left.set()
            thread.join()
