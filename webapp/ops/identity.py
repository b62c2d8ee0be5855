"""Who runs the servers: ourselves, or, since PostgreSQL refuses root, a system user when we are root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from webapp.ops.home import HomeError

CANDIDATES = ("isocost", "postgres", "daemon", "nobody")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerUser:
    """An account without privileges."""

    name: str
    uid: int
    gid: int


def server_user(data: Path) -> ServerUser | None:
    """Return the account that runs the servers; None means the one we already are.

    As root: whoever owns the data already, else ISOCOST_SERVER_USER, else the first of `CANDIDATES` on the machine.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat().st_uid) != 0:
        return _account(pwd.getpwuid(owner))
    chosen = os.environ.get("ISOCOST_SERVER_USER", "")
    for name in (chosen,) if chosen else CANDIDATES:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        if account.pw_uid != 0:
            return _account(account)
    raise HomeError(
        "PostgreSQL does not run as root, and no account was found to run it as "
        f"(looked for {chosen or ', '.join(CANDIDATES)}). Make one with `useradd --system isocost`, "
        "or start as an ordinary user."
    )


def account_name() -> str:
    """Return the name of the account we are, which peer authentication needs."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise HomeError(
            f"User id {os.geteuid()} has no name on this machine, and the embedded PostgreSQL needs one. "
            "Add the account, or set DATABASE_URL to a PostgreSQL of your own."
        ) from error


def check_reachable(folder: Path, user: ServerUser) -> None:
    """Refuse a folder that `user` cannot walk to; nobody's permissions are widened to make it so."""
    for parent in [folder, *folder.parents]:
        if not parent.exists():
            continue
        found = parent.stat()
        shift = 6 if found.st_uid == user.uid else 3 if found.st_gid == user.gid else 0
        if not (found.st_mode >> shift) & 0o1:
            raise HomeError(
                f"The servers run as {user.name}, who cannot enter {parent}. "
                "Set ISOCOST_HOME to a folder such as /var/lib/isocost, or start as an ordinary user."
            )


def _account(found: pwd.struct_passwd) -> ServerUser:
    return ServerUser(name=found.pw_name, uid=found.pw_uid, gid=found.pw_gid)
