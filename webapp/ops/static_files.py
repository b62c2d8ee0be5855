"""Static files: collected at start when a source of them has changed, and left alone otherwise."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from webapp.ops.home import Home


def static_collect(*, home: Home) -> bool:
    """Collect the static files if they changed since the last time; return whether they did."""
    stamp = home.path / "static.stamp"
    fingerprint = _fingerprint()
    if home.static.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == fingerprint:
        return False
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint, encoding="ascii")
    return True


def _fingerprint() -> str:
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            place = Path(storage.path(name))
            found = os.stat(place)
            digest.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
