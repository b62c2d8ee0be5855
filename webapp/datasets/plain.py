"""Text of strangers as PostgreSQL takes it: jsonb and text have no NUL, and no half of a surrogate pair."""

from __future__ import annotations

from typing import Any


def storable(value: Any) -> Any:
    """Return plain JSON types with every text made storable."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {storable(str(key)): storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list) else value
