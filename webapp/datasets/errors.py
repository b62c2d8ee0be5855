"""What a person is told when data is refused. The message says what was wrong, where, and what to do."""

from __future__ import annotations


class DataRefused(Exception):
    """Something cannot be done with this data."""


class UploadRefused(DataRefused):
    """An upload cannot begin or go on. `status` is what the tus client gets."""

    def __init__(self, sentence: str, *, status: int) -> None:
        super().__init__(sentence)
        self.status = status
