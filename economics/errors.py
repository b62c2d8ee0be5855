"""What the package raises: one base class, and one child for each kind of trouble."""

from __future__ import annotations


class EconomicsError(Exception):
    """Base of every error that this package raises on purpose; the message is a sentence for people."""


class InputError(EconomicsError, ValueError):
    """An input cannot be used: the message names the field, the value and what would be right."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        self.field = field
        self.value = value
        self.expected = expected
        super().__init__(f"{field} is {value!r}; it must be {expected}.")


class UnknownNameError(InputError):
    """A name is not in the catalogue, or stands for several things at once."""


class NoAnswerError(EconomicsError):
    """The question is well put, but no answer exists (no layout fits, no root, no price)."""
