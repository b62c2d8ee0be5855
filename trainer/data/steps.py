"""What recipes of every kind of data have in common: steps that are dataclasses, a plain form, one way to be written."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Self, get_type_hints

import msgspec

from trainer.converting import convert
from trainer.errors import SpecError


class StepsRecipe:
    """Base of recipes. Each field is a step, a frozen dataclass with defaults for all its own fields; a recipe may have other
    defaults for a step than the step itself."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Read the plain form; raise `SpecError` that names the field. Unknown fields are refused, missing ones are usual."""
        steps = {name: hint for name, hint in get_type_hints(cls).items() if is_dataclass(hint)}
        _refuse_unknown("recipe", raw, steps)
        usual, whole = cls().to_dict(), dict(raw)
        for name, part in raw.items():
            if isinstance(part, dict):
                _refuse_unknown(name, part, [field.name for field in fields(steps[name])])
                whole[name] = (usual[name] or {}) | part
        return convert(whole, cls, name="recipe")

    def canonical_json(self) -> bytes:
        """Return the one way to write this recipe: every field, keys in order, no spaces."""
        return msgspec.json.encode(self.to_dict(), order="sorted")


def _refuse_unknown(name: str, raw: dict[str, Any], known: Any) -> None:
    if unknown := sorted(set(raw) - set(known)):
        raise SpecError(f"{name} has no field {', '.join(unknown)}; its fields are {', '.join(known)}")
