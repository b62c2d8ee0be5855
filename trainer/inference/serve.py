"""A long-lived process that runs models for others: one per device, asked over a unix socket.

    python -m trainer serve --socket PATH [--device auto] [--memory-bytes N] [--supervised]

One JSON object a line, both ways, UTF-8. Requests (`id` is any text of the client's, unique among its open requests;
`checkpoint` is the folder of a checkpoint; `sha256`, optional, is that of its manifest and is checked):

    {"id", "op": name of an operation, "checkpoint", "sha256", ...}      fields and result: trainer/inference/operations
    {"id", "op": "cancel", "target": id of a request that streams}       was_running
    {"id", "op": "unload", "checkpoint"}                                 without a checkpoint: all models; num_unloaded
    {"id", "op": "ping"}                                                 device, checkpoints, size_bytes, num_running

Answers carry the `id` of their request, and each request ends with exactly one `done` or `error`:

    {"id", "event": "start", "prompt", "num_prompt_tokens", "num_cut_tokens"}     generate: the prompt as it was read
    {"id", "event": "token", "text", "token", "probability"}                     text may be empty (half a character)
    {"id", "event": "done", "result": {...}}
    {"id", "event": "error", "code", "sentence"}

A client that goes away cancels what it had asked for. Answers that stream take turns, part by part.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
import psutil
import torch

from trainer.errors import InputError
from trainer.failures import explain
from trainer.inference.loading import LoadedModel
from trainer.inference.operations import operations
from trainer.inference.operations.asking import Event, ModelRequest, Operation, Steps
from trainer.inference.store import ModelStore

MAX_LINE_BYTES = 8 * 2**20
MAX_OPEN_REQUESTS = 64
R = TypeVar("R", bound=ModelRequest)


class Envelope(msgspec.Struct, frozen=True):
    """What every request says; `op` tells which fields it has besides."""

    id: str
    op: str


class ServerRequest(ModelRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request about the process itself."""

    target: str = ""


class Server:
    """Shared by all connections. One thread does all the computing, so requests take turns on the device."""

    def __init__(self, *, device: str, limit_bytes: int) -> None:
        self.models = ModelStore(limit_bytes=limit_bytes, device=device)
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")
        self.num_running = 0

    async def compute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *arguments)

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
            head = msgspec.json.decode(line, type=Envelope)
        except msgspec.MsgspecError as error:
            await self.say("", "error", code="bad_request", sentence=f"The request cannot be read: {error}.")
            return
        if head.id in self.open or len(self.open) >= MAX_OPEN_REQUESTS:
            why = "has an id that is in use" if head.id in self.open else "is one too many at a time"
            await self.say(head.id, "error", code="bad_request", sentence=f"The request {why}.")
            return
        task = asyncio.create_task(self.answer(head, line))
        self.open[head.id] = task
        task.add_done_callback(lambda _: self.open.pop(head.id, None))

    async def answer(self, head: Envelope, line: bytes) -> None:
        """Do what is asked, and end with `done` or `error`."""
        self.server.num_running += 1
        try:
            await self.say(head.id, "done", result=await self.result(head, line))
        except ConnectionError:
            return
        except Exception as error:  # whatever a request runs into, the server stays up
            code, sentence = explain(error)
            await self.say(head.id, "error", code=code, sentence=sentence)
        finally:
            self.server.num_running -= 1
            self.cancelled.discard(head.id)

    async def result(self, head: Envelope, line: bytes) -> dict[str, Any]:
        """Return the result of a request, whichever kind it is of."""
        if own := OF_THE_SERVER.get(head.op):
            return await own(self, decoded(line, ServerRequest))
        operation = operations().get(head.op)
        if operation is None:
            known = ", ".join([*operations(), *OF_THE_SERVER])
            raise InputError(f"op {head.op!r} is unknown; it must be one of {known}")
        request = decoded(line, operation.request)
        if operation.stream is not None:
            return await self.stream(operation, request)
        assert operation.answer is not None
        answer = operation.answer
        found: dict[str, Any] = await self.server.compute(lambda: answer(self.model(operation, request), request))
        return found

    def model(self, operation: Operation, request: ModelRequest) -> LoadedModel:
        """Return the model that is asked; called in the thread that computes."""
        loaded = self.server.models.get(request.checkpoint, request.sha256)
        loaded.require(operation.name)
        return loaded

    async def stream(self, operation: Operation, request: ModelRequest) -> dict[str, Any]:
        """Say each part of the answer as it comes; return the result at its end."""
        assert operation.stream is not None
        begin = operation.stream
        steps: Steps = await self.server.compute(lambda: begin(self.model(operation, request), request))
        is_first = True
        while True:
            is_cancelled = None if is_first else request.id in self.cancelled
            event: str
            fields: dict[str, Any]
            event, fields = await self.server.compute(advance, steps, is_cancelled)
            if event == "done":
                return fields
            await self.say(request.id, event, **fields)
            is_first = False

    async def say(self, id_: str, event: str, **fields: Any) -> None:
        self.writer.write(msgspec.json.encode({"id": id_, "event": event, **fields}) + b"\n")
        await self.writer.drain()

    # ---- about the process

    async def cancel(self, request: ServerRequest) -> dict[str, Any]:
        is_running = request.target in self.open
        if is_running:
            self.cancelled.add(request.target)
        return {"was_running": is_running}

    async def unload(self, request: ServerRequest) -> dict[str, Any]:
        return {
            "num_unloaded": await self.server.compute(lambda: self.server.models.unload(request.checkpoint or None))
        }

    async def ping(self, request: ServerRequest) -> dict[str, Any]:
        models = self.server.models
        return {
            "device": models.device,
            "checkpoints": models.checkpoints,
            "size_bytes": models.size_bytes,
            "limit_bytes": models.limit_bytes,
            "num_running": self.server.num_running - 1,
        }


OF_THE_SERVER = {"cancel": Connection.cancel, "unload": Connection.unload, "ping": Connection.ping}


def decoded(line: bytes, wanted: type[R]) -> R:
    """Return the request; raise `InputError` where a field is unknown or has another type."""
    try:
        return msgspec.json.decode(line, type=wanted)
    except msgspec.ValidationError as error:
        raise InputError(f"the request cannot be read: {error}") from error


def advance(steps: Steps, is_cancelled: bool | None) -> Event:
    """Return the next part of an answer; at its end `done` and the result. A generator cannot end across threads."""
    try:
        return steps.send(is_cancelled)
    except StopIteration as end:
        return "done", end.value


async def serve(listening: socket.socket, *, device: str, limit_bytes: int) -> None:
    """Answer whoever comes to the socket until SIGTERM or SIGINT."""
    server = Server(device=device, limit_bytes=limit_bytes)
    listener = await asyncio.start_unix_server(server.connect, sock=listening, limit=MAX_LINE_BYTES)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with listener:
        await stopped.wait()


def default_limit_bytes(device: str) -> int:
    """Return half of the device's memory: the rest is for what is computed, and for trainings."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[1] // 2)
    return int(psutil.virtual_memory().total // 2)
