"""A long-lived process that runs models for others: one per device, asked over a unix socket.

    python -m trainer serve --socket PATH [--device auto] [--memory-bytes N] [--supervised]

One JSON object a line, both ways, UTF-8. Requests (`id` is any text of the client's, unique among its open requests;
`checkpoint` is the folder of a checkpoint; `sha256`, optional, is that of its manifest and is checked):

    {"id", "op": "generate", "checkpoint", "sha256", "prompt", "settings": {...}}   fields of SamplingSpec, all optional
    {"id", "op": "inspect", "checkpoint", "sha256", "text", "top": 20}
    {"id", "op": "attention", "checkpoint", "sha256", "text", "layer": 0, "head": 0}
    {"id", "op": "predict", "checkpoint", "sha256", "text"}
    {"id", "op": "predict_image", "checkpoint", "sha256", "image"}             a picture's bytes in base64
    {"id", "op": "explain", "checkpoint", "sha256", "text", "answer": ""}   a label or the next token; empty: the likeliest
    {"id", "op": "cancel", "target": id of a generate}
    {"id", "op": "unload", "checkpoint"}                   without a checkpoint: all models
    {"id", "op": "ping"}

Answers carry the `id` of their request, and each request ends with exactly one `done` or `error`:

    {"id", "event": "start", "prompt", "num_prompt_tokens", "num_cut_tokens"}     generate: the prompt as it was read
    {"id", "event": "token", "text", "token", "probability"}                     text may be empty (half a character)
    {"id", "event": "done", "result": {...}}
    {"id", "event": "error", "code", "sentence"}

`result` of generate: num_tokens, end (end_of_text, stop, length, cancelled), seconds, tokens_per_second. inspect:
prompt, num_prompt_tokens, num_cut_tokens, positions [{token, text, probability, rank, candidates [{token, text,
probability}]}]. attention: tokens, num_layers, num_heads, weights (row i has i + 1 numbers). predict: labels [{label,
probability}]. predict_image: labels, and heat: rows of numbers from 0 to 1, where the model looked. explain: tokens
[{text, score}], target, probability, baseline_probability, change, gap, num_steps. cancel: was_running. unload:
num_unloaded. ping: device, checkpoints, size_bytes, limit_bytes, num_running. A client that goes away cancels what it had
asked for. Generations take turns token by token.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import psutil

from trainer.errors import InputError
from trainer.failures import explain
from trainer.inference.engine import Written, generate
from trainer.inference.operations import attention_map, inspect_text, predict_image, predict_label, prompt_answer, read
from trainer.inference.sampling import SamplingSpec
from trainer.inference.store import ModelStore
from trainer.inspect.attribution import explain_text

MAX_LINE_BYTES = 8 * 2**20
MAX_OPEN_REQUESTS = 64


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line from a client."""

    id: str
    op: str
    checkpoint: str = ""
    sha256: str = ""
    prompt: str = ""
    text: str = ""
    image: str = ""
    target: str = ""
    settings: dict[str, Any] = {}
    top: int = 20
    layer: int = 0
    head: int = 0
    answer: str = ""


class Server:
    """Shared by all connections. One thread does all the computing, so requests take turns on the device."""

    def __init__(self, *, device: str, limit_bytes: int) -> None:
        self.models = ModelStore(limit_bytes=limit_bytes, device=device)
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")
        self.num_running = 0

    async def compute(self, function: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.thread, function)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Connection(self, reader, writer).run()


class Connection:
    """One client and its open requests."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.open: dict[str, asyncio.Task[None]] = {}
        self.cancelled: set[str] = set()

    async def run(self) -> None:
        try:
            while line := await self.reader.readline():
                await self.accept(line)
        except (ValueError, ConnectionError):  # a line beyond the limit, or a client that broke off
            pass
        finally:
            for task in self.open.values():
                task.cancel()
            self.writer.close()

    async def accept(self, line: bytes) -> None:
        """Start the request of a line; answer at once where it cannot be started."""
        try:
            request = msgspec.json.decode(line, type=Request)
        except msgspec.MsgspecError as error:
            await self.say("", "error", code="bad_request", sentence=f"The request cannot be read: {error}.")
            return
        if request.id in self.open or len(self.open) >= MAX_OPEN_REQUESTS:
            why = "has an id that is in use" if request.id in self.open else "is one too many at a time"
            await self.say(request.id, "error", code="bad_request", sentence=f"The request {why}.")
            return
        task = asyncio.create_task(self.answer(request))
        self.open[request.id] = task
        task.add_done_callback(lambda _: self.open.pop(request.id, None))

    async def answer(self, request: Request) -> None:
        """Do what is asked, and end with `done` or `error`."""
        operation = OPERATIONS.get(request.op)
        self.server.num_running += 1
        try:
            if operation is None:
                raise InputError(f"op {request.op!r} is unknown; it must be one of {', '.join(OPERATIONS)}")
            await self.say(request.id, "done", result=await operation(self, request))
        except ConnectionError:
            return
        except Exception as error:  # whatever a request runs into, the server stays up
            code, sentence = explain(error)
            await self.say(request.id, "error", code=code, sentence=sentence)
        finally:
            self.server.num_running -= 1
            self.cancelled.discard(request.id)

    async def say(self, id_: str, event: str, **fields: Any) -> None:
        self.writer.write(msgspec.json.encode({"id": id_, "event": event, **fields}) + b"\n")
        await self.writer.drain()

    # ---- operations

    async def generate(self, request: Request) -> dict[str, Any]:
        settings = read_settings(request.settings)
        began = time.monotonic()

        def start() -> tuple[dict[str, Any], Iterator[Written]]:
            loaded = self.server.models.get(request.checkpoint, request.sha256)
            loaded.require("generate")
            prompt = read(loaded, request.prompt, num_new_tokens=settings.num_tokens)
            tokenizer = loaded.task.assets.tokenizer
            return prompt_answer(prompt), generate(
                loaded.language_model, prompt.tokens, settings, tokenizer, device=loaded.device
            )

        shown, written = await self.server.compute(start)
        await self.say(request.id, "start", **shown)
        num_tokens, end = 0, "cancelled"
        while request.id not in self.cancelled:
            one: Written | None = await self.server.compute(lambda: next(written, None))
            if one is None:
                break
            num_tokens, end = num_tokens + 1, one.end or "cancelled"
            await self.say(request.id, "token", text=one.text, token=one.token, probability=one.probability)
        seconds = time.monotonic() - began
        return {"num_tokens": num_tokens, "end": end, "seconds": seconds, "tokens_per_second": num_tokens / seconds}

    async def inspect(self, request: Request) -> Any:
        models = self.server.models
        return await self.server.compute(
            lambda: inspect_text(models.get(request.checkpoint, request.sha256), request.text, top=request.top)
        )

    async def attention(self, request: Request) -> Any:
        models = self.server.models
        return await self.server.compute(
            lambda: attention_map(
                models.get(request.checkpoint, request.sha256), request.text, layer=request.layer, head=request.head
            )
        )

    async def predict(self, request: Request) -> Any:
        models = self.server.models
        return await self.server.compute(
            lambda: predict_label(models.get(request.checkpoint, request.sha256), request.text)
        )

    async def explain(self, request: Request) -> Any:
        models = self.server.models
        return await self.server.compute(
            lambda: explain_text(models.get(request.checkpoint, request.sha256), request.text, target=request.answer)
        )

    async def predict_image(self, request: Request) -> Any:
        models = self.server.models
        return await self.server.compute(
            lambda: predict_image(models.get(request.checkpoint, request.sha256), request.image)
        )

    async def cancel(self, request: Request) -> dict[str, Any]:
        is_running = request.target in self.open
        if is_running:
            self.cancelled.add(request.target)
        return {"was_running": is_running}

    async def unload(self, request: Request) -> dict[str, Any]:
        return {
            "num_unloaded": await self.server.compute(lambda: self.server.models.unload(request.checkpoint or None))
        }

    async def ping(self, request: Request) -> dict[str, Any]:
        models = self.server.models
        return {
            "device": models.device,
            "checkpoints": models.checkpoints,
            "size_bytes": models.size_bytes,
            "limit_bytes": models.limit_bytes,
            "num_running": self.server.num_running - 1,
        }


OPERATIONS = {
    "generate": Connection.generate,
    "inspect": Connection.inspect,
    "attention": Connection.attention,
    "predict": Connection.predict,
    "predict_image": Connection.predict_image,
    "explain": Connection.explain,
    "cancel": Connection.cancel,
    "unload": Connection.unload,
    "ping": Connection.ping,
}


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


async def serve(socket: Path, *, device: str, limit_bytes: int) -> None:
    """Answer at the socket until SIGTERM or SIGINT."""
    server = Server(device=device, limit_bytes=limit_bytes)
    await take_place(socket)
    before = os.umask(0o177)  # the socket is born with mode 0600
    try:
        listener = await asyncio.start_unix_server(server.connect, path=str(socket), limit=MAX_LINE_BYTES)
    finally:
        os.umask(before)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with listener:
        await stopped.wait()
    socket.unlink(missing_ok=True)


async def take_place(socket: Path) -> None:
    """Remove what a killed process left at the socket's path; refuse where a live one answers."""
    try:
        _, writer = await asyncio.open_unix_connection(str(socket))
    except OSError:
        socket.unlink(missing_ok=True)
        return
    writer.close()
    raise InputError(f"another process answers at {socket} already; stop it, or choose another --socket")


def end_with_supervisor() -> None:
    """End at once when standard input closes: whoever started this process is gone."""

    def wait() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(1)

    threading.Thread(target=wait, name="supervisor", daemon=True).start()


def default_limit_bytes() -> int:
    """Return half of the machine's memory."""
    return int(psutil.virtual_memory().total // 2)
