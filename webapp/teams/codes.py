"""Short public names of rows: what stands in a URL. 12 characters of 32 signs are 60 bits, so they cannot be guessed."""

from __future__ import annotations

import secrets

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0 and 1, which are misread


def new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(12))
