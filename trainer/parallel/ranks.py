"""Several processes that share each step, over gloo on processors and NCCL on CUDA devices.

DDP: each holds the whole model, and their gradients are averaged as they come out of the backward pass. FSDP2: each
holds a part of every block's weights, gradients and optimiser state, and gathers a block when it is its turn. Either way
the mean over equal shares of a step is the mean over the step, so the run is that of one process, to rounding.

Sources: Li et al. 2020 (DDP), Zhao et al. 2023 (FSDP).
"""

from __future__ import annotations

import base64
import datetime
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trainer.context import StopReason
from trainer.errors import SpecError
from trainer.events import Shared
from trainer.parallel.group import Batch, Group, Word, chunk_size
from trainer.parallel.place import STORE, Place
from trainer.parallel.plan import require_divisible
from trainer.parallel.use import Process, StepClock, Use, threads
from trainer.spec import TrainSpec
from trainer.training.checkpoint import StoredCheckpoint
from trainer.training.machine import timed_step
from trainer.training.optimizer import Optimizer, sparse_tables

T = TypeVar("T")
TIMEOUT = datetime.timedelta(hours=2)
"""How long the others are waited for: one may be measuring or writing for long. Those that die are noticed at once."""
WORDS: tuple[StopReason | None, ...] = (None, "stop", "cancel")
LONGEST_WORD = 64
BYTES_PER_PARAMETER = 16
"""Weights, gradients and AdamW's two moments in float32."""
FITS_FRACTION = 0.6
"""Of a device's memory, for the rest is activations'."""
_BLOCK = re.compile(r"(^|\.)blocks\.\d+$")


class Whole(nn.Module):
    """A model under one roof: whatever is done with it is this module's forward pass, which is what DDP and FSDP see."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[..., T], *arguments: Any) -> T:
        return function(self.model, *arguments)


class Ranks(Group):
    """One of several processes."""

    def __init__(self, place: Place) -> None:
        self.place, self.rank, self.size = place, place.rank, place.size
        self._word: StopReason | None = None
        self._is_alone = False
        self._whole: Any = None

    def begin(self, device: str) -> str:
        kind = device.split(":")[0]
        self.device = f"cuda:{self.place.local_rank}" if kind == "cuda" else kind
        if kind == "cuda":
            torch.cuda.set_device(self.device)
        options: dict[str, Any] = {"timeout": TIMEOUT}
        if self.place.folder is not None:  # a file in our own folder, not a port that others could reach
            store = dist.FileStore(str(self.place.folder / STORE), self.size)  # type: ignore[attr-defined]
            options |= {"store": store, "rank": self.rank, "world_size": self.size}
        dist.init_process_group("cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo", **options)
        return self.device

    def choose(self, spec: TrainSpec, model: nn.Module, *, dtype: str) -> dict[str, str]:
        require_divisible(self.size, spec.batch.sequences_per_step)
        wanted = spec.parallel.strategy
        self.strategy, why = ("ddp", "chosen in the spec") if wanted == "ddp" else ("fsdp", "chosen in the spec")
        hindrance = self._hindrance(model, dtype)
        if wanted == "auto":
            self.strategy, why = self._strategy_that_fits(model, hindrance)
        elif wanted == "fsdp" and hindrance:
            raise SpecError(f"parallel.strategy is fsdp, and {hindrance}; choose ddp")
        self.strategy = self.agree(self.strategy)
        return {"strategy": why, "processes": self._shares(spec)}

    def facts(self) -> dict[str, Any]:
        return {"parallel": {"processes": self.size, "strategy": self.strategy}}

    @property
    def shards_model(self) -> bool:  # type: ignore[override]
        return self.strategy == "fsdp"

    def share_of_threads(self, num_threads: int) -> str:
        return f"{max(1, num_threads // self.size)} for each of the {self.size} processes"

    def _hindrance(self, model: nn.Module, dtype: str) -> str:
        """Return why this model cannot be held in parts; empty where it can."""
        if sparse_tables(model):
            return "this model has tables whose gradients hold only the rows that were read"
        if dtype == "float16":
            return "the losses of float16 are scaled, which is done for whole models only"
        if not any(_BLOCK.search(name) for name, _ in model.named_modules()):
            return "this model is not made of equal blocks that could be gathered one by one"
        return ""

    def _strategy_that_fits(self, model: nn.Module, hindrance: str) -> tuple[str, str]:
        needed = BYTES_PER_PARAMETER * sum(parameter.numel() for parameter in model.parameters())
        there = self._memory_bytes()
        sizes = (
            f"weights, gradients and optimiser state take {needed / 1e9:.2g} of {there / 1e9:.2g} GB for each process"
        )
        if needed <= FITS_FRACTION * there:
            return "ddp", f"each process holds the whole model: {sizes}"
        if hindrance:
            return "ddp", f"{sizes}, which is tight; but {hindrance}"
        return "fsdp", f"each process holds a part of the model: {sizes}"

    def _memory_bytes(self) -> int:
        if self.device.startswith("cuda"):
            return int(torch.cuda.get_device_properties(self.device).total_memory)
        return int(psutil.virtual_memory().total) // self.size

    def _shares(self, spec: TrainSpec) -> str:
        sequences, micro = spec.batch.sequences_per_step, spec.batch.micro_batch
        share, chunk = sequences // self.size, chunk_size(sequences, micro, self.size)
        passes = f"in {share // chunk} passes of {chunk}" if share > chunk else "in one pass"
        rounded = f", as micro-batches of {micro} do not divide it" if micro and chunk < min(micro, share) else ""
        return f"each takes {share} of the {sequences} sequences of a step {passes}{rounded}"

    def wrap(self, model: nn.Module) -> None:
        self._clock, self._use = StepClock(self.device), self._use_of_all()
        whole = Whole(model)
        if not self.shards_model:
            self._whole = DistributedDataParallel(
                whole, forward_sync_buffers=False, find_unused_parameters=True, gradient_as_bucket_view=True
            )
            return
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh(self.device.split(":")[0], (self.size,))
        for name, part in model.named_modules():
            if _BLOCK.search(name):
                fully_shard(part, mesh=mesh)
        self._whole = fully_shard(whole, mesh=mesh)

    def call(self, function: Callable[..., T], model: nn.Module, *arguments: Any) -> T:
        if not self.shards_model:
            return function(model, *arguments)  # DDP has nothing to add, and not all processes may be here
        found: T = self._whole(function, *arguments)
        return found

    def learn(self, loss: Callable[..., Tensor], model: nn.Module, batch: Batch) -> Tensor:
        self._clock.begin()
        found: Tensor = self._whole(loss, batch)
        return found

    def answering(self, model: nn.Module, build: Callable[[], nn.Module]) -> nn.Module | None:
        if not self.shards_model:
            return model if self.speaks else None
        from trainer.parallel.shards import gathered_weights

        weights = gathered_weights(model)
        if not self.speaks:
            return None
        with torch.random.fork_rng():
            whole = build()
        whole.load_state_dict(weights)
        return whole.train(model.training)

    def accumulating(self, *, is_last: bool) -> AbstractContextManager[None]:
        if self.shards_model:
            self._whole.set_requires_gradient_sync(is_last)
        elif self._is_alone or not is_last:
            return self._whole.no_sync()  # type: ignore[no-any-return]
        return nullcontext()

    def whole(self, value: Tensor) -> Tensor:
        return value.full_tensor() if self.shards_model else value  # type: ignore[attr-defined, no-any-return]

    def mean(self, value: Tensor) -> Tensor:
        if self._is_alone:
            return value
        dist.all_reduce(value)
        return value / self.size

    def share(self, examples: np.ndarray) -> np.ndarray:
        count = len(examples) // self.size
        return examples[self.rank * count : (self.rank + 1) * count]

    def meet(self, num_tokens: int, word: StopReason | None) -> int:
        every = self._every([float(WORDS.index(word)), float(num_tokens), *self._clock.end()])
        self._word = WORDS[int(every[0, 0])]
        self._use.add(every[:, 1:])
        return int(every[:, 1].sum())

    def told(self, step: int, *, is_last: bool = False) -> Shared | None:
        return self._use.told(step, strategy=self.strategy, is_last=is_last) if self.speaks else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within it a step is this process's own business."""
        self._is_alone = True
        try:
            yield
        finally:
            self._is_alone = False

    def measure_alone(self, trial_step: Callable[[], None], *, num_threads: int) -> None:
        """Let the first process do its share of a step by itself while the others rest: what several are compared with."""
        if self.shards_model:
            return  # none of them has a whole model
        if self.speaks:
            with self.alone():
                self._use.share_seconds_alone = timed_step(trial_step, self.device)
                if self.device == "cpu":
                    with threads(num_threads):
                        self._use.share_seconds_all_threads = timed_step(trial_step, self.device)
        self._clock.reset()
        self.wait()

    def word(self, own: StopReason | None) -> StopReason | None:
        return self._word

    def ask(self, own: StopReason | None) -> StopReason | None:
        self._word = WORDS[int(self._every([float(WORDS.index(own))])[0, 0])]
        return self._word

    def agree(self, choice: Word) -> Word:
        text = choice.encode().ljust(LONGEST_WORD)
        shared = torch.tensor(list(text), dtype=torch.uint8)
        dist.broadcast(shared, 0)
        return type(choice)(bytes(shared.tolist()).decode().strip())

    def rounds(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, bool]]:
        """A batch that is missing in the last round is stood in for by one that does not count: a forward pass of a
        model in parts takes all processes."""
        self._share_buffers()
        left = iter(batches)
        while together := list(islice(left, self.size)):
            yield together[min(self.rank, len(together) - 1)], self.rank < len(together)

    def total(self, sums: dict[str, Tensor]) -> dict[str, Tensor]:
        for name in sorted(sums):
            dist.all_reduce(sums[name])
        return sums

    def random_states(self, own: dict[str, str]) -> dict[str, str]:
        found = dict(own)
        for device, text in own.items():
            state = torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
            every = [torch.empty_like(state) for _ in range(self.size)]
            dist.all_gather(every, state)
            for rank, other in enumerate(every[1:], start=1):
                found[f"{device}@{rank}"] = base64.b64encode(other.numpy().tobytes()).decode()
        return found

    def own_random_states(self, stored: dict[str, str], *, seed: int, step: int) -> dict[str, str]:
        """The first goes on as one process would; the others draw numbers of their own, kept from checkpoint to
        checkpoint."""
        if self.rank == 0:
            return stored
        mine = f"@{self.rank}"
        if found := {name.removesuffix(mine): text for name, text in stored.items() if name.endswith(mine)}:
            return found
        torch.manual_seed(int(np.random.SeedSequence([seed, step, self.rank]).generate_state(1, np.uint64)[0] >> 1))
        return {}

    def load_weights(self, model: nn.Module, weights: dict[str, Tensor]) -> None:
        if not self.shards_model:
            return super().load_weights(model, weights)
        from trainer.parallel.shards import load_weights

        return load_weights(model, weights)

    def load_optimizer(self, optimizer: Optimizer, stored: StoredCheckpoint) -> None:
        if not self.shards_model:
            return super().load_optimizer(optimizer, stored)
        from trainer.parallel.shards import load_optimizer

        return load_optimizer(optimizer, stored)

    def write_tensors(self, folder: Path, model: nn.Module, optimizer: Optimizer) -> None:
        if not self.shards_model:
            return super().write_tensors(folder, model, optimizer) if self.speaks else None
        from trainer.parallel.shards import write_parts

        self.wait()  # the first has made the folder
        return write_parts(folder, model, optimizer, is_first=self.speaks)

    def wait(self) -> None:
        self._every([0.0])

    def _use_of_all(self) -> Use:
        described = self._every([float(os.getpid()), float(self.place.local_rank), float(torch.get_num_threads())])
        cuda = self.device.startswith("cuda")
        return Use(
            [
                Process(
                    pid=int(pid), device=f"cuda:{int(local)}" if cuda else self.device, num_threads=int(num_threads)
                )
                for pid, local, num_threads in described.tolist()
            ]
        )

    def _share_buffers(self) -> None:
        """Give all the first one's buffers: statistics of normalisation, which each counts over its own share."""
        for _, buffer in self._whole.named_buffers():
            dist.broadcast(buffer, 0)

    def _every(self, values: list[float]) -> Tensor:
        """Return the values of all processes (size, n). On the processor: no device waits for it."""
        mine = torch.tensor(values, dtype=torch.float64)
        every = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(every, mine)
        return torch.stack(every)
