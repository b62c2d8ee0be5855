"""Opens a checkpoint for use: verified, on a device, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from torch import nn

from trainer.adapt.build import build_model
from trainer.compress.quantise import as_stored
from trainer.errors import InputError
from trainer.inference.batch import Batch
from trainer.inference.completions import Completions, engine_at
from trainer.inference.draft import Draft
from trainer.inference.engine import LanguageModel
from trainer.inference.find import find_checkpoint
from trainer.inference.precision import Precision, writing_dtype
from trainer.inference.sampling import SamplingSpec
from trainer.inference.writing import Writing, Written
from trainer.training.checkpoint import StoredCheckpoint, tensor_bytes, verify_checkpoint
from trainer.training.machine import resolve_device
from trainer.training.task import Task, count_parameters, make_task


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model in memory."""

    task: Task
    model: nn.Module
    device: torch.device
    precision: Precision = "auto"
    """Numbers in which it writes."""

    open_other: Callable[[str], LoadedModel] = field(default=lambda path: load_model(find_checkpoint(Path(path))))
    """Returns the model of another checkpoint."""

    stored: StoredCheckpoint | None = None
    """The checkpoint; None for an exported model."""

    @property
    def language_model(self) -> LanguageModel:
        """The model, as one that continues text; ask `require` first."""
        return cast(LanguageModel, self.model)

    @cached_property
    def batch(self) -> Batch:
        """The texts that the model is writing; ask `require` first. Its packed weights are made at the first."""
        dtype = writing_dtype(self.precision, self.device, count_parameters(self.model))
        return Batch(self.language_model.decoder(dtype), self.task.assets.tokenizer)

    @cached_property
    def _engines(self) -> dict[str, Completions]:
        return {}

    def write(
        self, tokens: Sequence[int], settings: SamplingSpec, *, draft: str = "", engine: str = ""
    ) -> Writing | Generator[Written]:
        """Return an iterator over what follows the tokens: our own, with a draft's help or not, or an engine's."""
        if engine:
            return self.engine(engine).write(tokens, settings)
        return self.batch.write(tokens, settings, self.draft_of(draft))

    def engine(self, place: str) -> Completions:
        """Return somebody else's engine that holds this model: a GGUF file's, or that at a URL."""
        if place not in self._engines:
            context = self.language_model.context_length
            self._engines[place] = engine_at(place, self.task.assets.tokenizer, context_length=context)
        return self._engines[place]

    @cached_property
    def as_draft(self) -> Draft:
        """The model as one that guesses for larger ones."""
        return Draft(self.language_model.decoder())

    def draft_of(self, path: str) -> Draft | None:
        """Return a small model that guesses for this one; None without a path. It must cut text into the same tokens."""
        if not path:
            return None
        small = self.open_other(path)
        small.require("generate")
        if not small.task.assets.tokenizer.has_same_tokens(self.task.assets.tokenizer):
            raise InputError("the draft cuts text into other tokens; take a model that has this one's tokenizer")
        return small.as_draft

    @property
    def size_bytes(self) -> int:
        own = tensor_bytes(self.model.state_dict())
        return own + (self.batch.decoder.size_bytes if "batch" in self.__dict__ else 0)

    def require(self, ability: str) -> None:
        """Raise `InputError` where a model of this kind cannot do what is asked of it."""
        if ability not in self.task.abilities:
            can = ", ".join(sorted(self.task.abilities))
            raise InputError(f"a model of family {self.task.spec.family} cannot {ability}; it can {can}")


def load_model(
    folder: Path,
    *,
    sha256: str = "",
    device: str = "auto",
    precision: Precision = "auto",
    open_other: Callable[[str], LoadedModel] | None = None,
) -> LoadedModel:
    """Return the model of a checkpoint; raise `CheckpointError` where it is not whole or not the one meant."""
    stored = verify_checkpoint(folder, sha256=sha256)
    task = make_task(stored.spec(), stored.assets())
    model = as_stored(build_model(task), stored.manifest.facts)
    model.load_state_dict(stored.weights())
    name, _ = resolve_device(device)
    return LoadedModel(
        stored=stored,
        task=task,
        model=model.to(name).eval(),
        device=torch.device(name),
        precision=precision,
        open_other=open_other or (lambda path: load_model(find_checkpoint(Path(path)), device=device)),
    )
