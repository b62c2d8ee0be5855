"""Training tokens per second: ours beside a plain PyTorch loop, in one run, in turn, on the same shapes and data.

    python benchmarks/train_tokens.py [--shape a] [--dtype bfloat16] [--steps 20] [--rounds 3] [--compile]

Ours is the whole job: data from shards, metrics, the journal. The plain loop is what one would write in an afternoon:
the same architecture in straightforward modules, AdamW, random tokens already in memory. One JSON line per contender;
`fraction_of_limit` is against the matrix-product rate measured in this run, `cpu_share_of_others` what other processes
took of the machine meanwhile (over 0.1: measure again).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as `python -m trainer` sets it, for both contenders

import numpy as np
import psutil
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.calibrate.machine import matmul_flop_per_second
from trainer.calibrate.steps import made_up_assets
from trainer.context import JobContext
from trainer.data.shard_writer import VersionWriter
from trainer.events import AnyEvent, Failed, Journal, Metrics
from trainer.folder import AttemptSpec, JobFolder
from trainer.run import do_job
from trainer.spec import encode_spec, spec_from_dict
from trainer.training.machine import DTYPES, usable_cores

VOCAB_SIZE = 4_096
NUM_WARM_STEPS = 3


@dataclass(frozen=True, slots=True)
class Shape:
    width: int
    layers: int
    heads: int
    length: int
    batch: int


SHAPES = {
    "nano": Shape(96, 3, 3, 128, 16),
    "a": Shape(256, 6, 8, 256, 8),
    "b": Shape(512, 8, 8, 512, 4),
}


class PlainBlock(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.norm1, self.norm2 = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.qkv, self.out = nn.Linear(shape.width, 3 * shape.width), nn.Linear(shape.width, shape.width)
        self.up, self.down = nn.Linear(shape.width, 4 * shape.width), nn.Linear(4 * shape.width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        B, T, D = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, D))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Plain(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCAB_SIZE, shape.width), nn.Embedding(shape.length, shape.width)
        self.blocks = nn.Sequential(*[PlainBlock(shape) for _ in range(shape.layers)])
        self.norm, self.head = nn.LayerNorm(shape.width), nn.Linear(shape.width, VOCAB_SIZE, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.size(1), device=tokens.device))
        logits = self.head(self.norm(self.blocks(x)))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class PlainLoop:
    """The plain contender; kept between rounds, so that it compiles once."""

    def __init__(self, shape: Shape, options: argparse.Namespace) -> None:
        torch.manual_seed(1)
        self.shape, self.options = shape, options
        self.device = torch.device(options.device)
        self.model = Plain(shape).to(self.device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.run = torch.compile(self.model) if options.compile else self.model

    def seconds_per_step(self) -> list[float]:
        taken = []
        for _ in range(NUM_WARM_STEPS + self.options.steps):
            begin = time.perf_counter()
            window = torch.randint(VOCAB_SIZE, (self.shape.batch, self.shape.length + 1), device=self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.dtype == "bfloat16"):
                loss = self.run(window[:, :-1], window[:, 1:])
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            loss.item()
            taken.append(time.perf_counter() - begin)
        return taken[NUM_WARM_STEPS:]


class OurJob:
    """Our contender: a whole training job in a folder, each round a new attempt."""

    def __init__(self, shape: Shape, options: argparse.Namespace, folder: Path) -> None:
        self.folder = JobFolder(folder / "job")
        self.folder.path.mkdir()
        write_version(folder / "version")
        kind, spec = spec_from_dict(our_spec(shape, options, folder / "version"))
        self.folder.spec.write_bytes(encode_spec(kind, spec))
        self.fence = 0

    def seconds_per_step(self) -> list[float]:
        self.fence += 1
        attempt, events = self.folder.attempt(self.fence), list[AnyEvent]()
        journal = Journal(attempt.journal)
        spec = AttemptSpec(fence=self.fence)
        do_job(
            JobContext(folder=self.folder, attempt=attempt, attempt_spec=spec, journal=journal, on_event=events.append)
        )
        journal.close()
        if isinstance(events[-1], Failed):
            raise SystemExit(f"{events[-1].sentence}\n{events[-1].details}")
        ends = [s for event in events if isinstance(event, Metrics) for s in event.values.get("time/seconds", [])]
        return np.diff([float(end or 0) for end in ends])[NUM_WARM_STEPS - 1 :].tolist()


def write_version(folder: Path) -> None:
    """Prepare random tokens."""
    tokenizer, generator = made_up_assets().tokenizer, np.random.default_rng(1)
    writer = VersionWriter(folder, tokenizer)
    for split, num_documents in (("train", 1_000), ("validation", 1), ("test", 1)):
        tokens = generator.integers(0, VOCAB_SIZE, num_documents * 500).astype(np.uint16)
        lengths, labels = np.full(num_documents, 500), np.full(num_documents, -1, dtype=np.int32)
        origins = np.stack([np.zeros(num_documents, dtype=np.int64), np.arange(num_documents)], axis=1)
        writer.splits[split].append(tokens, lengths, labels, origins, len(tokens))
    writer.finish(sources=["random"], label_names=[])


def our_spec(shape: Shape, options: argparse.Namespace, version: Path) -> dict[str, object]:
    num_steps = NUM_WARM_STEPS + options.steps
    return {
        "kind": "train",
        "family": "gpt",
        "model": {
            "form": "classic",
            "num_layers": shape.layers,
            "model_width": shape.width,
            "num_heads": shape.heads,
            "context_length": shape.length,
        },
        "data": {"path": str(version)},
        "batch": {"sequence_length": shape.length, "sequences_per_step": shape.batch},
        "schedule": {"num_steps": num_steps, "warmup_steps": 1},
        "evaluation": {"every_steps": num_steps, "max_batches": 1, "sample_tokens": 0},
        "checkpoint": {"every_steps": num_steps},
        "machine": {
            "device": options.device,
            "dtype": options.dtype,
            "compile": "on" if options.compile else "off",
            "num_threads": options.threads,
        },
    }


def share_of_others(process: psutil.Process, before: tuple[float, float], seconds: float) -> float:
    """Return the share of all cores that other processes took since `before`."""
    now = busy_seconds(process)
    return max((now[0] - before[0]) - (now[1] - before[1]), 0.0) / (seconds * (os.cpu_count() or 1))


def busy_seconds(process: psutil.Process) -> tuple[float, float]:
    """Return the busy seconds of the machine and of this process."""
    times, own = psutil.cpu_times(), process.cpu_times()
    return times.user + times.nice + times.system, own.user + own.system


def measure(name: str, shape: Shape, options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    limit = matmul_flop_per_second(DTYPES[options.dtype], torch.device(options.device), budget_seconds=1.0)
    process, began, before = psutil.Process(), time.perf_counter(), busy_seconds(psutil.Process())
    rounds: dict[str, list[float]] = {"isocost": [], "plain": []}
    with tempfile.TemporaryDirectory() as folder:
        contenders = {"isocost": OurJob(shape, options, Path(folder)), "plain": PlainLoop(shape, options)}
        for _ in range(options.rounds):
            for contender, work in contenders.items():
                rounds[contender].append(median(work.seconds_per_step()))
        model = contenders["plain"].model  # type: ignore[attr-defined]
    others = share_of_others(process, before, time.perf_counter() - began)
    num_matmul = sum(p.numel() for p in model.parameters() if p.ndim == 2) - shape.length * shape.width
    attention = 6 * shape.layers * shape.length * shape.width  # half of all pairs: what is masked is not counted
    tokens = shape.batch * shape.length
    for contender, seconds in rounds.items():
        rates = sorted(tokens / one for one in seconds)
        line = {
            "bench": "train_tokens",
            "contender": contender,
            "shape": name,
            "dtype": options.dtype,
            "compile": options.compile,
            "value": round(median(rates), 1),
            "unit": "tokens/s",
            "spread": [round(rates[0], 1), round(rates[-1], 1)],
            "fraction_of_limit": round(median(rates) * (6 * num_matmul + attention) / limit, 4),
            "limit_flop_per_second": round(limit),
            "cpu_share_of_others": round(others, 3),
        }
        print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, action="append", help="default: all")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    for name in options.shape or SHAPES:
        measure(name, SHAPES[name], options)


if __name__ == "__main__":
    main()
