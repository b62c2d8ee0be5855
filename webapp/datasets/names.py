"""Names of files as people gave them. They are shown and kept, and never used as a path."""

from __future__ import annotations

import unicodedata

MAX_NAME_LENGTH = 255
# Characters that turn the direction of the text around them: `cod\u202etxt.exe` would read as `codexe.txt`.
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F])


def clean_name(raw: str) -> str:
    """Return a name fit for one line of a page: no control characters, NFC, at most 255 characters, its ending kept."""
    name = unicodedata.normalize("NFC", raw).translate(_BIDI).replace("\\", "/")
    name = "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in name)
    name = " ".join(name.split()).strip("/") or "unnamed"
    if len(name) <= MAX_NAME_LENGTH:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 16:
        return name[:MAX_NAME_LENGTH]
    return f"{stem[: MAX_NAME_LENGTH - len(ending) - 2]}…{dot}{ending}"
