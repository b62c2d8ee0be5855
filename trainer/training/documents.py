"""Which documents a run saw, in order. Worked out anew from the seed and the position: nothing was written down for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.training.assets import Assets
from trainer.training.checkpoint import verify_checkpoint
from trainer.training.order import examples_at
from trainer.training.own_data import open_checked
from trainer.training.task import make_task

CHUNK = 4_096


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenDocument:
    """A document, or a part of it, that was shown to the model."""

    position: int
    """Place of the example in the run, from 0."""

    step: int
    """Optimiser step that learnt from it, from 1."""

    epoch: int
    document: int
    """Number of the document in the training split."""

    source: str
    row: int


def documents_seen(checkpoint: Path) -> Iterator[SeenDocument]:
    """Yield the documents that the run had seen when the checkpoint was written, in the order in which it saw them.

    A run that branched from another begins where it branched.
    """
    stored = verify_checkpoint(checkpoint)
    spec, state = stored.spec(), stored.state()
    version = open_checked(spec.data)
    task, split = make_task(spec, Assets.of_version(version)), version.open_split("train")
    num_examples, size = task.num_examples(split), spec.batch.sequences_per_step
    first_step = state.step - (state.position - state.first_position) // size
    for start in range(state.first_position, state.position, CHUNK):
        count = min(CHUNK, state.position - start)
        examples = examples_at(start, count, num_examples=num_examples, seed=spec.seed)
        for position, example in enumerate(examples.tolist(), start=start):
            for document in task.documents(split, example):
                origin = split.document_id(document)
                yield SeenDocument(
                    position=position,
                    step=first_step + (position - state.first_position) // size + 1,
                    epoch=position // num_examples,
                    document=document,
                    source=origin.source,
                    row=origin.row,
                )
