"""llama.cpp with one GGUF file in it, asked for the probabilities of the next token."""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import TrainerError


class LlamaCpp:
    """A model in llama.cpp. Its server listens on this machine alone, on a port of its own, with a key nobody else has."""

    def __init__(self, path: Path, *, context_length: int, num_threads: int = 1, num_texts: int = 1) -> None:
        import xllamacpp

        self.key = secrets.token_hex(16)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = context_length * num_texts
        params.n_batch = context_length
        params.n_parallel = num_texts
        params.warmup = False
        params.verbosity = 0
        params.api_keys = [self.key]
        params.cpuparams.n_threads = num_threads
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise TrainerError(f"llama.cpp cannot load {path.name}: {error}", code="export_differs") from error

        self._letter = self.tokens_of("e")[0]

    @property
    def address(self) -> str:
        """Where its server listens, for whoever has the key."""
        return str(self._server.listening_address)

    @property
    def version(self) -> str:
        return f"llama.cpp of xllamacpp {version('xllamacpp')}"

    def __enter__(self) -> LlamaCpp:
        return self

    def __exit__(self, *error: object) -> None:
        del self._server

    def next_log_probabilities(self, tokens: list[int]) -> NDArray[np.float64]:
        """Return the log probability of every token (V,) as the one behind these."""
        wanted = {
            "prompt": tokens,
            "n_predict": 1,
            "n_probs": 1_000_000,  # all: it gives as many as there are, as the model has them before sampling
            "cache_prompt": False,
            # what is drawn here does not matter, but half a character or an end of text comes back without probabilities
            "logit_bias": [[self._letter, 1e6]],
        }
        choices = self.complete(wanted)["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        values = np.full(max(each["id"] for each in choices) + 1, -np.inf)
        for each in choices:
            values[each["id"]] = each["logprob"]
        return values

    def complete(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return llama.cpp's whole answer to a request for a completion."""
        answer = self._server.handle_completions(request)
        found: dict[str, Any] = answer if isinstance(answer, dict) else json.loads(answer)
        return found

    def stream(
        self, request: dict[str, Any], hear: Callable[[dict[str, Any] | None], None], should_stop: Callable[[], bool]
    ) -> None:
        """Say each piece of the answer as it is made, and None behind the last. llama.cpp leaves off once it should."""

        def on_piece(piece: dict[str, Any]) -> bool:
            hear(piece)
            return should_stop()

        try:
            self._server.handle_completions(request, on_piece)
        finally:
            hear(None)

    def tokens_of(self, text: str) -> list[int]:
        """Return the tokens that llama.cpp cuts a text into."""
        request = urllib.request.Request(
            f"{self.address}/tokenize",
            data=json.dumps({"content": text, "add_special": False, "parse_special": False}).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # nosec B310: our own, on this machine
            found: list[int] = json.load(response)["tokens"]
        return found
