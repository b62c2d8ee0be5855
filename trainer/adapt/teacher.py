"""Opens the model that a run learns from, and says why it cannot be one where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from trainer.adapt.start import reads_alike
from trainer.errors import InputError
from trainer.inference.find import find_checkpoint
from trainer.inference.loading import LoadedModel, load_model
from trainer.sections import DistilSpec
from trainer.training.task import Task, count_parameters
from trainer.training.teacher import Teacher

MAX_NAMED = 5


def load_teacher(task: Task, distil: DistilSpec, *, device: str) -> tuple[Teacher, dict[str, Any]] | None:
    """Return the teacher with facts to tell of it; None where there is none. The student's random numbers stay as they are."""
    if not distil.teacher:
        return None
    if not task.can_be_taught:
        raise InputError(
            f"a model of family {task.spec.family} with these settings learns from no teacher; leave distil.teacher empty"
        )
    with torch.random.fork_rng():
        loaded = load_model(find_checkpoint(Path(distil.teacher)), device=device)
    require_fitting(task, loaded)
    facts = {"teacher": distil.teacher, "num_parameters": count_parameters(loaded.model)}
    model = loaded.model.requires_grad_(False)
    return Teacher(model=model, temperature=distil.temperature, weight=distil.weight), facts


def sentence_of(distil: DistilSpec, facts: dict[str, Any]) -> str:
    """Return what is told of the teacher."""
    return (
        f"Learns from {distil.teacher}, too: its {facts['num_parameters']:,} parameters answer every batch, at temperature "
        f"{distil.temperature:g}, and count {distil.weight:.0%} of the loss."
    )


def require_fitting(task: Task, loaded: LoadedModel) -> None:
    """Raise `InputError` where the two do not answer the same questions in the same words."""
    theirs = loaded.task
    if theirs.spec.family != task.spec.family:
        raise InputError(
            f"distil.teacher is a model of family {theirs.spec.family}, and this run's is {task.spec.family}: choose one of "
            "the same"
        )
    for name in ("objective", "template"):
        ours_is, theirs_is = getattr(task.spec.model, name, None), getattr(theirs.spec.model, name, None)
        if ours_is != theirs_is:
            raise InputError(f"model.{name} is {ours_is}, and that of distil.teacher is {theirs_is}: choose the same")
    require_same_words(task, theirs)
    longest = getattr(theirs.spec.model, "context_length", None)
    if longest is not None and longest < task.spec.batch.sequence_length:
        raise InputError(
            f"batch.sequence_length is {task.spec.batch.sequence_length}, and distil.teacher sees at most {longest} tokens: "
            "make it that"
        )
    for name in ("side", "num_channels"):
        if task.assets.facts.get(name) != theirs.assets.facts.get(name):
            raise InputError(
                f"distil.teacher reads pictures whose {name} is {theirs.assets.facts.get(name)}, and in this data it is "
                f"{task.assets.facts.get(name)}: prepare the data as the teacher's was"
            )


def require_same_words(task: Task, theirs: Task) -> None:
    """Raise `InputError` where the teacher has another tokenizer or other classes."""
    if task.assets.has_tokenizer and not reads_alike(task.assets.tokenizer, theirs.assets.tokenizer):
        raise InputError(
            f"the data was prepared with another tokenizer ({task.assets.tokenizer.vocab_size:,} tokens) than distil.teacher "
            f"reads ({theirs.assets.tokenizer.vocab_size:,}), so their answers cannot be compared: prepare it with the "
            "teacher's"
        )
    if task.classes != theirs.classes:
        ours_alone, theirs_alone = (sorted(set(a) - set(b)) for a, b in _both_ways(task.classes, theirs.classes))
        which = "in another order" if not ours_alone + theirs_alone else (
            f"this data alone has {_named(ours_alone)}, the teacher alone {_named(theirs_alone)}"
        )  # fmt: skip
        raise InputError(
            f"distil.teacher tells other classes apart than this data has: {which}; choose another teacher"
        )


def _both_ways(one: Sequence[str], other: Sequence[str]) -> list[tuple[Sequence[str], Sequence[str]]]:
    return [(one, other), (other, one)]


def _named(names: Sequence[str]) -> str:
    rest = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + rest if names else "none"
