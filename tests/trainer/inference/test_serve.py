"""The serving process as its client sees it: a real process, a real socket."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.trainer.conftest import last_checkpoint, run_job, train_dict
from trainer.training.checkpoint import verify_checkpoint


@pytest.fixture(scope="module")
def checkpoint(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "job"
    run_job(folder, train_dict(version))
    return last_checkpoint(folder)


@pytest.fixture(scope="module")
def classifier(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve") / "bow"
    raw = train_dict(version, family="bow", optimizer={"learning_rate": 0.1}, schedule={"num_steps": 60})
    run_job(folder, {**raw, "model": {"width": 8}})
    return last_checkpoint(folder)


@contextmanager
def serving(path: Path, *options: str) -> Iterator[psutil.Process]:
    """Run the process for the length of a `with`; it must end in order."""
    process = subprocess.Popen([sys.executable, "-m", "trainer", "serve", "--socket", str(path), *options])
    deadline = time.monotonic() + 60
    while not path.is_socket():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield psutil.Process(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert not path.exists()


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("socket") / "serve.sock"
    path.write_text("stale")  # what a killed process leaves is taken away
    with serving(path, "--device", "cpu", "--threads", "1"):
        yield path


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, socket: Path) -> Client:
        return cls(*await asyncio.open_unix_connection(str(socket), limit=64 * 2**20))

    def send(self, **request: Any) -> None:
        self.writer.write(json.dumps(request).encode() + b"\n")

    async def next(self) -> dict[str, Any]:
        return json.loads(await asyncio.wait_for(self.reader.readline(), timeout=30))

    async def until_end(self, id_: str) -> list[dict[str, Any]]:
        """Return the answers to a request, up to its last."""
        found = []
        while True:
            answer = await self.next()
            if answer["id"] == id_:
                found.append(answer)
                if answer["event"] in ("done", "error"):
                    return found

    async def ask(self, **request: Any) -> dict[str, Any]:
        self.send(id="ask", **request)
        return (await self.until_end("ask"))[-1]


async def test_socket_is_for_its_owner_only(socket: Path) -> None:
    assert stat.S_IMODE(os.stat(socket).st_mode) == 0o600


async def test_torch_comes_with_the_first_caller(tmp_path: Path) -> None:
    path = tmp_path / "idle.sock"
    with serving(path) as process:
        assert process.memory_info().rss < 80e6
        client = await Client.connect(path)
        client.send(id="a", op="ping")
        assert (await client.until_end("a"))[-1]["result"]["num_running"] == 0
        assert process.memory_info().rss > 120e6


def test_a_process_that_was_never_asked_ends_in_order(tmp_path: Path) -> None:
    with serving(tmp_path / "idle.sock"):
        pass


async def test_text_streams_token_by_token(socket: Path, checkpoint: Path) -> None:
    client = await Client.connect(socket)
    sha256 = verify_checkpoint(checkpoint).sha256
    settings = {"num_tokens": 8, "seed": 1, "temperature": 1.0}
    client.send(id="g", op="generate", checkpoint=str(checkpoint), sha256=sha256, prompt="rain", settings=settings)
    answers = await client.until_end("g")
    assert {key: answers[0][key] for key in ("id", "event", "prompt", "num_cut_tokens")} == {
        "id": "g",
        "event": "start",
        "prompt": "rain",
        "num_cut_tokens": 0,
    }
    tokens = [answer for answer in answers if answer["event"] == "token"]
    assert answers[-1]["result"]["num_tokens"] == len(tokens)
    assert answers[-1]["result"]["end"] in ("length", "end_of_text")
    assert all(0 < answer["probability"] <= 1 for answer in tokens)


async def test_a_draft_that_is_the_model_itself_guesses_right(socket: Path, checkpoint: Path) -> None:
    client, settings = await Client.connect(socket), {"num_tokens": 12, "temperature": 0}
    asked = {"op": "generate", "checkpoint": str(checkpoint), "prompt": "rain", "settings": settings}
    client.send(id="a", **asked)
    client.send(id="b", **asked, draft=str(checkpoint))
    answers = [await client.next()]
    while sum(answer["event"] == "done" for answer in answers) < 2:
        answers.append(await client.next())
    texts = {id_: [a["token"] for a in answers if a["id"] == id_ and a["event"] == "token"] for id_ in "ab"}
    assert texts["a"] == texts["b"]
    answer = await client.ask(**asked, draft=str(checkpoint))
    assert answer["result"]["acceptance"] == 1.0


async def test_two_generations_take_turns(socket: Path, checkpoint: Path) -> None:
    client = await Client.connect(socket)
    for id_ in ("a", "b"):
        settings = {"num_tokens": 400, "temperature": 3.0, "seed": 1}
        client.send(id=id_, op="generate", checkpoint=str(checkpoint), prompt="wind", settings=settings)
    order = []
    while len(order) < 40:
        answer = await client.next()
        order += [answer["id"]] if answer["event"] == "token" else []
    assert min(order[10:].count("a"), order[10:].count("b")) >= 10
    client.writer.close()


async def test_cancel_ends_one_generation_and_no_other(socket: Path, checkpoint: Path) -> None:
    client = await Client.connect(socket)
    settings = {"num_tokens": 100_000, "temperature": 3.0}
    for id_ in ("a", "b"):
        client.send(id=id_, op="generate", checkpoint=str(checkpoint), prompt="wind", settings={**settings, "seed": 9})
    client.send(id="c", op="cancel", target="a")
    assert (await client.until_end("c"))[-1]["result"] == {"was_running": True}
    ended = None
    while ended is None:
        answer = await client.next()
        ended = answer if answer["id"] == "a" and answer["event"] == "done" else None
    assert ended["result"]["end"] == "cancelled"
    assert (await client.next())["id"] == "b"
    client.writer.close()


async def test_a_client_that_leaves_ends_what_it_asked_for(socket: Path, checkpoint: Path) -> None:
    gone = await Client.connect(socket)
    settings = {"num_tokens": 100_000, "temperature": 3.0}
    gone.send(id="x", op="generate", checkpoint=str(checkpoint), prompt="wind", settings=settings)
    assert (await gone.next())["event"] == "start"
    gone.writer.close()
    client = await Client.connect(socket)
    deadline = time.monotonic() + 20
    while (await client.ask(op="ping"))["result"]["num_running"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_inspection_and_attention(socket: Path, checkpoint: Path) -> None:
    client = await Client.connect(socket)
    found = (await client.ask(op="inspect", checkpoint=str(checkpoint), text="今天天气很好", top=5))["result"]
    assert all(len(position["candidates"]) == 5 for position in found["positions"])
    maps = (await client.ask(op="attention", checkpoint=str(checkpoint), text="rain wind", layer=1, head=0))["result"]
    assert [len(row) for row in maps["weights"]] == list(range(1, len(maps["tokens"]) + 1))
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in maps["weights"])
    assert (maps["num_layers"], maps["num_heads"]) == (2, 2)


async def test_prediction_of_labels(socket: Path, classifier: Path) -> None:
    client = await Client.connect(socket)
    labels = (await client.ask(op="predict", checkpoint=str(classifier), text="salt bread soup"))["result"]["labels"]
    assert labels[0]["label"] == "kitchen"
    assert sum(one["probability"] for one in labels) == pytest.approx(1)


async def test_the_words_that_spoke_for_an_answer(socket: Path, checkpoint: Path, classifier: Path) -> None:
    client = await Client.connect(socket)
    found = (await client.ask(op="explain", checkpoint=str(classifier), text="salt bread rain", answer="kitchen"))[
        "result"
    ]
    assert found["target"] == "kitchen"
    assert abs(found["gap"]) < 0.05 * max(abs(found["change"]), 1)
    next_token = (await client.ask(op="explain", checkpoint=str(checkpoint), text="salt bread"))["result"]
    assert 0 < next_token["probability"] <= 1
    refused = await client.ask(op="explain", checkpoint=str(classifier), text="salt", answer="garden")
    assert "no label of this model" in refused["sentence"]


async def test_every_wrong_request_gets_a_sentence(socket: Path, checkpoint: Path, classifier: Path) -> None:
    client, model = await Client.connect(socket), {"checkpoint": str(checkpoint)}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"op": "dance"}, "op 'dance' is unknown"),
        ({"op": "generate", "checkpoint": "/nowhere", "prompt": ""}, "/nowhere is not a checkpoint"),
        ({"op": "generate", **model, "sha256": "0" * 64}, "has changed"),
        ({"op": "generate", **model, "settings": {"top_p": 2}}, "top_p is 2"),
        ({"op": "generate", **model, "settings": {"tpo_p": 2}}, "settings have no tpo_p"),
        ({"op": "attention", **model, "text": "rain", "layer": 7}, "layer is 7; this model has 2"),
        ({"op": "inspect", **model, "text": "rain", "top": 0}, "top is 0; it must be from 1 to 200"),
        ({"op": "predict", **model, "text": "rain"}, "cannot predict; it can attention, explain, generate, inspect"),
        (
            {"op": "generate", "checkpoint": str(classifier), "prompt": "rain"},
            "cannot generate; it can explain, predict",
        ),
    ]
    for request, sentence in wrong:
        answer = await client.ask(**request)
        assert answer["event"] == "error", request
        assert sentence in answer["sentence"]
    client.writer.write(b"no json\n")
    assert (await client.next())["code"] == "bad_request"
    assert (await client.ask(op="ping"))["event"] == "done"


async def test_models_can_be_let_go(socket: Path, checkpoint: Path) -> None:
    client = await Client.connect(socket)
    await client.ask(op="inspect", checkpoint=str(checkpoint), text="rain")
    state = (await client.ask(op="ping"))["result"]
    assert str(checkpoint) in state["checkpoints"]
    assert state["size_bytes"] > 0
    assert (await client.ask(op="unload", checkpoint=str(checkpoint)))["result"] == {"num_unloaded": 1}
    assert str(checkpoint) not in (await client.ask(op="ping"))["result"]["checkpoints"]
