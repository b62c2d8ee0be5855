"""Plain values into the dataclass that is wanted; what does not fit is said with the field's name, as a user writes it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from trainer.errors import SpecError

T = TypeVar("T")


def convert(values: Any, wanted: type[T], *, name: str = "") -> T:
    """Return the values as `wanted`; raise `SpecError` that begins with the field, below `name`, that is wrong."""
    try:
        return msgspec.convert(values, wanted)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, SpecError):
            raise error.__cause__ from None
        what, _, place = str(error).replace("`", "").partition(" - at $")
        where = ".".join(part for part in (name, place.strip(".")) if part)
        what = what[:1].lower() + what[1:]
        raise SpecError(f"{where}: {what}" if where else what) from error
