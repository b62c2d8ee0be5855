"""Where an attempt begins: at a checkpoint of its run, at one of another run, at weights of others, or at nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from trainer.adapt.start import start_from
from trainer.amounts import amount
from trainer.context import JobContext
from trainer.errors import InputError, SpecError
from trainer.events import Message
from trainer.parallel.place import place_here
from trainer.spec import TrainSpec
from trainer.training.checkpoint import StoredCheckpoint, first_verified, verify_checkpoint
from trainer.training.setting import Setting
from trainer.training.state import TrainState


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    state: TrainState
    resumed: StoredCheckpoint | None = None
    """Of this run: the attempt goes on there, bit for bit."""

    trunk: StoredCheckpoint | None = None
    """Of another run: this one branches off there."""

    @property
    def source(self) -> StoredCheckpoint | None:
        """Return the checkpoint that weights and optimiser come from."""
        return self.resumed or self.trunk

    @property
    def resumed_step(self) -> int | None:
        return None if self.resumed is None else self.resumed.manifest.step


def find_beginning(spec: TrainSpec, context: JobContext) -> Beginning:
    """Return where the attempt begins; raise `InputError` or `SpecError` where it cannot."""
    if resumed := find_checkpoint(context):
        return Beginning(state=resumed_state(resumed), resumed=resumed)
    if spec.branch_from:
        trunk = verify_checkpoint(Path(spec.branch_from))
        return Beginning(state=branch_state(trunk, spec), trunk=trunk)
    is_as_it_was = spec.prune.method == "none"  # else what the pruning alone did is measured before the first step
    return Beginning(state=TrainState(is_validated=spec.schedule.num_steps > 0 and is_as_it_was))


def find_checkpoint(context: JobContext) -> StoredCheckpoint | None:
    """Return the first whole checkpoint that the attempt was given; warn of those that are not.

    Processes that were started anew within the attempt begin at what those before them wrote.
    """
    folders = [context.folder.path / path for path in context.attempt_spec.resume_from]  # absolute ones stay so
    place = place_here()
    if place is not None and place.num_restarts:
        folders = [*written_before(context.attempt.checkpoints), *folders]
    checkpoint, problems = first_verified(folders)
    for problem in problems:
        context.emit(Message(text=f"A checkpoint was passed over: {problem}.", level="warning", code="bad_checkpoint"))
    if context.attempt_spec.resume_from and checkpoint is None:
        raise InputError("none of the checkpoints to resume from can be read; start the run anew, or from another one")
    return checkpoint


def written_before(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first."""
    found = [path for path in folder.glob("*") if path.name.isdigit()]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def resumed_state(checkpoint: StoredCheckpoint) -> TrainState:
    """Return what a run remembers at its own checkpoint."""
    state = checkpoint.state()
    if state.best is not None:
        state.best.path = str((checkpoint.path / state.best.path).resolve())
    return state


def branch_state(trunk: StoredCheckpoint, spec: TrainSpec) -> TrainState:
    """Return the start of a run that goes on from another's checkpoint: its step and place in the data, nothing else."""
    before, theirs = trunk.state(), trunk.spec()
    if (theirs.family, theirs.model) != (spec.family, spec.model):
        raise SpecError(f"branch_from: the model of {trunk.path} is not the one in this spec; they must be the same")
    if before.step >= spec.schedule.num_steps:
        raise SpecError(
            f"schedule.num_steps is {spec.schedule.num_steps}, but the checkpoint to branch from has done "
            f"{amount(before.step, 'step')} already; num_steps counts them too, so make it larger"
        )
    same_order = (theirs.seed, theirs.batch.sequence_length, theirs.data) == (
        spec.seed,
        spec.batch.sequence_length,
        spec.data,
    )
    position = before.position if same_order else 0
    return replace(
        TrainState(), step=before.step, position=position, first_position=position, random_states=before.random_states
    )


def take_weights(setting: Setting, beginning: Beginning) -> None:
    """Give the model the weights it begins with, before it is the group's; say where others' come from."""
    if beginning.source is not None:
        load_weights(setting, beginning.source)
    elif setting.spec.transfer.source:
        started = start_from(setting.task, setting.model, setting.spec.transfer)
        setting.context.emit(Message(text=started.sentence, code="transfer"))
        if started.warning:
            setting.context.emit(Message(text=started.warning, level="warning", code="tokenizer"))
        setting.facts["transfer"] = started.facts


def load_weights(setting: Setting, source: StoredCheckpoint) -> None:
    """Put a checkpoint's weights into the model."""
    try:
        setting.model.load_state_dict(source.weights())
    except RuntimeError as error:
        raise InputError(f"the weights of {source.path} do not fit this model: {str(error).splitlines()[0]}") from error
