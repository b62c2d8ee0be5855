"""What the training loop asks of the processes that share a run. Here the group of one: everything is its own, at no cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch import Tensor, nn

from trainer.context import StopReason
from trainer.events import Shared
from trainer.spec import TrainSpec
from trainer.training.checkpoint import StoredCheckpoint, save_tensors
from trainer.training.optimizer import Optimizer

T = TypeVar("T")
Word = TypeVar("Word", bound=str)
Batch = dict[str, Tensor]


class Group:
    """One process. `trainer.parallel.ranks.Ranks` is the same for several."""

    rank, size = 0, 1
    strategy = "none"
    shards_model = False
    """Each process holds a part of the model: whoever calls it needs the others to call it too."""

    @property
    def speaks(self) -> bool:
        """This process tells what happens, and writes."""
        return self.rank == 0

    def begin(self, device: str) -> str:
        """Meet the others, and return our device of the kind."""
        return device

    def choose(self, spec: TrainSpec, model: nn.Module, *, dtype: str) -> dict[str, str]:
        """Decide what each process holds; return why, by the names of the spec."""
        return {}

    def share_of_threads(self, num_threads: int) -> str:
        """Return how many threads each process has, in words; empty where there is one."""
        return ""

    def facts(self) -> dict[str, Any]:
        """Return what there is to tell of the group."""
        return {}

    def wrap(self, model: nn.Module) -> None:
        """Put the model under the group's care, before its optimiser is made."""

    def load_weights(self, model: nn.Module, weights: dict[str, Tensor]) -> None:
        model.load_state_dict(weights)

    def call(self, function: Callable[..., T], model: nn.Module, *arguments: Any) -> T:
        """Return `function(model, *arguments)`. All uses of the model go this way, or the next."""
        return function(model, *arguments)

    def learn(self, loss: Callable[..., Tensor], model: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of a batch, from which gradients will flow."""
        return loss(model, batch)

    def answering(self, model: nn.Module, build: Callable[[], nn.Module]) -> nn.Module | None:
        """Return the model as one process can ask it, alone; None in the others. `build` makes another of its kind."""
        return model

    def accumulating(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Return the context of a micro-batch: gradients meet at the last one of a step."""
        return nullcontext()

    def whole(self, value: Tensor) -> Tensor:
        """Return a value that was computed over parts of the parameters."""
        return value

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a value over the processes."""
        return value

    def share(self, examples: np.ndarray) -> np.ndarray:
        """Return those of a step's examples that are this process's."""
        return examples

    def meet(self, num_tokens: int, word: StopReason | None) -> int:
        """Come together at the end of a step: return all its tokens. `word` is what this process was told."""
        return num_tokens

    def told(self, step: int, *, is_last: bool = False) -> Shared | None:
        """Return how the processes get on, when it is time to tell; at the last step always."""
        return None

    def measure_alone(self, trial_step: Callable[[], None], *, num_threads: int) -> None:
        """Measure what one process would take, to compare with; `trial_step` leaves no trace."""

    def word(self, own: StopReason | None) -> StopReason | None:
        """Return what the first process had been told when the group last met, so that all do the same."""
        return own

    def ask(self, own: StopReason | None) -> StopReason | None:
        """The same as of now; all processes have to ask."""
        return own

    def agree(self, choice: Word) -> Word:
        """Return the first process's choice."""
        return choice

    def rounds(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, bool]]:
        """Yield this process's share of batches, and whether each counts: all processes have the same number of rounds."""
        return ((batch, True) for batch in batches)

    def total(self, sums: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return sums added up over the processes."""
        return sums

    def random_states(self, own: dict[str, str]) -> dict[str, str]:
        """Return the states of the generators of all processes."""
        return own

    def own_random_states(self, stored: dict[str, str], *, seed: int, step: int) -> dict[str, str]:
        """Return those of this process among stored ones; empty to go on with the generators as they stand."""
        return stored

    def load_optimizer(self, optimizer: Optimizer, stored: StoredCheckpoint) -> None:
        optimizer.load_state_tensors(stored.optimizer())

    def write_tensors(self, folder: Path, model: nn.Module, optimizer: Optimizer) -> None:
        """Write weights and optimiser state into the folder of a checkpoint, as far as it is for this process to do."""
        save_tensors(folder, weights=model.state_dict(), optimizer=optimizer.state_tensors())

    def wait(self) -> None:
        """Wait until all processes are here."""


def chunk_size(sequences: int, micro_batch: int, processes: int) -> int:
    """Return how many sequences go through the model at once: what was wanted, or the most below it that divides a share."""
    share = sequences // processes
    wanted = min(micro_batch or share, share)
    return next(size for size in range(wanted, 0, -1) if share % size == 0)
