"""Errors of the trainer. The message is for the person who started the job: what was wrong, where, and what to do."""

from __future__ import annotations


class TrainerError(Exception):
    """A job cannot go on. `code` is the reason code that the job's row keeps; the message is its sentence."""

    code = "trainer_error"

    def __init__(self, message: str, *, code: str | None = None, step: int | None = None) -> None:
        super().__init__(message)
        self.step = step
        if code is not None:
            self.code = code


class InputError(TrainerError):
    """What the user gave cannot be used."""

    code = "bad_input"


class SpecError(InputError):
    """A field of a spec is wrong; the message names the field, the value and what would be right."""

    code = "bad_spec"


class CheckpointError(InputError):
    """A checkpoint is missing, cut short or changed since it was written."""

    code = "bad_checkpoint"
