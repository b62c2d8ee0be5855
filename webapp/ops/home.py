"""Home: where an installation keeps its data, its sockets and its secret. Knows no Django, so that settings can read it.

An ordinary user's home is `var/` in the checkout. Root's is under /var/lib, because the servers then run as a system
user, who must be able to walk there without anybody's permissions being widened. `ISOCOST_HOME` chooses another.
"""

import contextlib
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

CHECKOUT = Path(__file__).resolve().parent.parent.parent
DATABASE_NAME = "isocost"
DATABASE_USER = "isocost"
SOCKET_PATH_MAX_BYTES = 103
"""What a socket's path may hold: 107 bytes on Linux, 103 on macOS."""
LONGEST_SOCKET_NAME = "servers/.s.PGSQL.5432"


class HomeError(Exception):
    """The home folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """The folders and addresses of one installation; nothing is made on disk before `ensure` is called."""

    path: Path
    """The folder that holds everything; back this one up."""

    run: Path
    """Sockets: in the home where its path is short enough for a socket, otherwise a private folder in /tmp."""

    database_url_given: str = ""
    """DATABASE_URL of the environment; empty means the embedded PostgreSQL."""

    redis_url_given: str = ""
    """REDIS_URL of the environment; empty means the embedded Valkey."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "Home":
        """Return the home that the environment and the checkout name."""
        environ = os.environ if environ is None else environ
        chosen = environ.get("ISOCOST_HOME", "")
        path = Path(os.path.abspath(Path(chosen).expanduser())) if chosen else _default_path()
        return cls(
            path=path,
            run=_run_folder(path),
            database_url_given=environ.get("DATABASE_URL", ""),
            redis_url_given=environ.get("REDIS_URL", ""),
        )

    @property
    def files(self) -> Path:
        """What the app stores for its users: uploads, jobs, versions."""
        return self.path / "files"

    @property
    def uploads(self) -> Path:
        """Files as they were uploaded."""
        return self.files / "uploads"

    @property
    def jobs(self) -> Path:
        """One folder a job."""
        return self.files / "jobs"

    @property
    def versions(self) -> Path:
        """Prepared data, one folder a version."""
        return self.files / "versions"

    @property
    def static(self) -> Path:
        """Static files as collected for serving."""
        return self.path / "static"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.path / "logs"

    @property
    def backups(self) -> Path:
        """Databases as they were before a migration."""
        return self.path / "backups"

    @property
    def pids(self) -> Path:
        """One small file a running process."""
        return self.path / "pids"

    @property
    def servers(self) -> Path:
        """PostgreSQL's and Valkey's own files; as root they belong to the user who runs the servers."""
        return self.path / "servers"

    @property
    def server_sockets(self) -> Path:
        """Where PostgreSQL and Valkey listen."""
        return self.run / "servers"

    @property
    def serve_socket(self) -> Path:
        """Where the inference process listens."""
        return self.run / "serve.sock"

    @property
    def valkey_socket(self) -> Path:
        """Where the embedded Valkey listens."""
        return self.server_sockets / "valkey"

    @property
    def embedded_postgres(self) -> bool:
        """Whether this installation runs a PostgreSQL of its own."""
        return not self.database_url_given

    @property
    def embedded_valkey(self) -> bool:
        """Whether this installation runs a Valkey of its own."""
        return not self.redis_url_given

    @property
    def database_url(self) -> str:
        """PostgreSQL's address, as django-environ reads it."""
        if self.database_url_given:
            return self.database_url_given
        return f"postgresql://{DATABASE_USER}@/{quote(str(self.server_sockets))}/{DATABASE_NAME}"

    @property
    def redis_url(self) -> str:
        """Valkey's address, as redis-py and channels-redis read it."""
        return self.redis_url_given or f"unix://{quote(str(self.valkey_socket))}?db=0"

    def ensure(self) -> "Home":
        """Make the folders, readable by their owner alone, and return the home."""
        as_root = os.geteuid() == 0
        _private_folder(self.path, mode=0o711 if as_root else 0o700)
        _private_folder(self.run, mode=0o711 if as_root else 0o700)
        for folder in (self.files, self.uploads, self.jobs, self.versions, self.logs, self.backups, self.pids):
            _private_folder(folder, mode=0o700)
        return self

    def secret_key(self) -> str:
        """Return the installation's secret; made on first use, 0600, and the same ever after."""
        place = self.path / "secret_key"
        if not place.exists():
            _private_folder(self.path, mode=0o711 if os.geteuid() == 0 else 0o700)
            _write_once(place, secrets.token_urlsafe(64))
        return place.read_text(encoding="ascii").strip()


def _default_path() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib") / f"isocost-{_digest(CHECKOUT)}"
    return CHECKOUT / "var"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:10]


def _run_folder(path: Path) -> Path:
    """Return the folder for sockets. It depends on the home alone, so that every terminal finds the same one."""
    inside = path / "run"
    if len(os.fsencode(inside / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_MAX_BYTES:
        return inside
    return Path("/tmp") / f"isocost-{os.geteuid()}-{_digest(path)}"  # nosec B108: made 0700, owner checked


def _private_folder(folder: Path, *, mode: int) -> None:
    """Make `folder` with `mode`, or check that the one there is ours, since anybody may make names in /tmp."""
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except PermissionError as error:
        raise HomeError(
            f"The folder {folder} cannot be made: {error.strerror}. Set ISOCOST_HOME to a folder that you may write to."
        ) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise HomeError(
            f"{folder} is in the way: a file is where a folder is needed. Move it and start again."
        ) from error
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise HomeError(
            f"{folder} belongs to somebody else (user id {found.st_uid}, you are {os.geteuid()}). "
            "Start as that user, or set ISOCOST_HOME to a folder of your own."
        )
    if stat.S_IMODE(found.st_mode) != mode:
        folder.chmod(mode)


def _write_once(place: Path, text: str) -> None:
    """Write a private file that appears whole, or not at all; the first of several writers wins."""
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(text)
        with contextlib.suppress(FileExistsError):
            os.link(name, place)
    finally:
        os.unlink(name)
