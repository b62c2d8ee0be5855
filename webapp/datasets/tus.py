"""PATCH of an upload, as a raw ASGI handler in front of Django: bytes go to disk as they come.

Django spools a whole body before a view sees it and drops it when the connection breaks; here a connection cut at 60 %
of one PATCH leaves 60 %. Everything else under /uploads/ is an ordinary view (tus_views.py).
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.http import Http404, HttpRequest, parse_cookie
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.datasets import tus_protocol
from webapp.datasets.errors import UploadRefused
from webapp.datasets.models import Upload
from webapp.datasets.services.uploads import UPLOAD_EXPIRY, upload_finish, upload_progress
from webapp.datasets.upload_requests import ActiveRequest, end_active, registered
from webapp.datasets.upload_writer import UploadBusyError, UploadWriter
from webapp.teams.access import Rule, object_for
from webapp.teams.models import Role

PREFIX = "/uploads/"
IDLE_SECONDS = 60.0
"""A connection on which nothing came for so long is taken for broken; what had come stays."""
GATHER_BYTES = 2**20
"""Bytes gathered before they are written: one trip to a thread for each, not for every packet."""
DATABASE_EVERY_BYTES = 64 * 2**20
MAX_WAITING_PIECES = 64
log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """What the session may do: append to this upload."""

    code: str
    path: Path
    size_bytes: int
    offset_claimed: int
    checksum: tus_protocol.Checksum | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """How a PATCH went."""

    offset: int
    sha256: str
    is_whole: bool
    """The body came to its end, rather than the connection to its."""

    checksum_failed: bool = False
    disk_full: bool = False


async def uploads(scope: Scope, receive: Receive, send: Send) -> None:
    """Take in what a PATCH brings."""
    async with ThreadSensitiveContext():  # one thread, and so one database connection, for this request
        try:
            await _patch(scope, receive, send)
        except UploadRefused as refusal:
            await _answer(send, refusal.status, str(refusal))
        finally:
            await sync_to_async(connections.close_all)()


uploads.methods = ("PATCH",)  # type: ignore[attr-defined]
uploads.access_rule = Rule("team", Role.MEMBER, Upload)  # type: ignore[attr-defined]


async def _patch(scope: Scope, receive: Receive, send: Send) -> None:
    grant = await sync_to_async(_grant)(scope)
    await asyncio.to_thread(end_active, grant.code)
    with registered(grant.code) as request:
        writer = await asyncio.to_thread(_open_writer, grant)
        try:
            if writer.offset != grant.offset_claimed:
                raise UploadRefused(
                    _("%(offset)d bytes have arrived, so the next part starts there, not at %(claimed)d.")
                    % {"offset": writer.offset, "claimed": grant.offset_claimed},
                    status=409,
                )
            received = await _take_body(writer, grant, receive, request)
        finally:
            await asyncio.to_thread(writer.close)
    if received.offset == grant.size_bytes and not received.checksum_failed:
        await _finish(grant, received, send)
        return
    if not await sync_to_async(upload_progress)(code=grant.code, offset_bytes=received.offset):
        raise UploadRefused(_("This upload was given up. Start it again."), status=404)
    if received.disk_full:
        raise UploadRefused(
            _("The server's disk is full. What has arrived is kept: free some space on the server, then go on."),
            status=507,
        )
    if received.checksum_failed:
        raise UploadRefused(
            _("This part arrived damaged and was dropped; send it again."), status=tus_protocol.STATUS_CHECKSUM_MISMATCH
        )
    if received.is_whole:
        await _answer(send, 204, headers=_offset_headers(received.offset))
    else:
        await _answer(send, 408, _("The connection broke; ask for the offset and go on from there."))


def _grant(scope: Scope) -> Grant:
    """Decide whether this request may append to its upload: the session's user, by the one access function."""
    headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
    tus_protocol.check_version(headers.get("tus-resumable"))
    tus_protocol.check_origin(
        origin=headers.get("origin"), host=headers.get("host", ""), fetch_site=headers.get("sec-fetch-site")
    )
    if headers.get("content-type", "").partition(";")[0].strip().lower() != tus_protocol.PATCH_CONTENT_TYPE:
        raise UploadRefused(_("Content-Type must be %(type)s.") % {"type": tus_protocol.PATCH_CONTENT_TYPE}, status=415)
    offset = tus_protocol.read_offset(headers.get("upload-offset"))
    checksum = tus_protocol.read_checksum(headers.get("upload-checksum"))
    upload = _upload_for(headers.get("cookie", ""), scope["path"].removeprefix(PREFIX).strip("/"))
    if upload.error or upload.finished_at is not None:
        raise UploadRefused(upload.error or _("This upload is complete."), status=409)
    return Grant(
        code=upload.code,
        path=upload.path,
        size_bytes=upload.size_bytes,
        offset_claimed=offset,
        checksum=checksum,
    )


def _upload_for(cookie: str, code: str) -> Upload:
    request = HttpRequest()
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(parse_cookie(cookie).get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    if not user.is_authenticated:
        raise UploadRefused(_("You are signed out. Sign in again and go on; what has arrived is kept."), status=401)
    try:
        return object_for(user, Upload.objects.select_related("dataset__project__team"), Role.MEMBER, code=code)
    except Http404 as error:
        raise UploadRefused(_("There is no such upload; it may have expired. Start it again."), status=404) from error
    except PermissionDenied as error:
        raise UploadRefused(
            _("Viewers of a team cannot upload. Ask an admin for the member role."), status=403
        ) from error


def _open_writer(grant: Grant) -> UploadWriter:
    try:
        return UploadWriter(code=grant.code, path=grant.path, size_bytes=grant.size_bytes)
    except FileNotFoundError as error:
        raise UploadRefused(_("The bytes of this upload are gone. Start it again."), status=410) from error
    except UploadBusyError as error:
        raise UploadRefused(_("Another request is sending this upload; try again in a moment."), status=423) from error


async def _take_body(writer: UploadWriter, grant: Grant, receive: Receive, request: ActiveRequest) -> Received:
    """Append the body as it comes, until it ends, breaks off, or another request takes over.

    Reading and writing are two tasks: a server hands out what has come only while somebody reads, and forgets it when
    the connection breaks, so the reader must not wait for the disk.
    """
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
    writing = asyncio.create_task(_write(writer, grant, pieces))
    is_whole = await _read(receive, pieces, request, writing)
    hasher, disk_full = await writing
    checksum_failed = False
    if grant.checksum is not None:
        checksum_failed = not is_whole or not hmac.compare_digest(hasher.digest(), grant.checksum.digest)
        if checksum_failed:
            await asyncio.to_thread(writer.take_back)
    if not disk_full:
        await asyncio.to_thread(writer.sync)
    return Received(
        offset=writer.offset,
        sha256=writer.sha256(),
        is_whole=is_whole,
        checksum_failed=checksum_failed,
        disk_full=disk_full,
    )


async def _read(
    receive: Receive, pieces: asyncio.Queue[bytes | None], request: ActiveRequest, writing: asyncio.Task[Any]
) -> bool:
    """Pass on the pieces of the body; True if it came to its end."""
    ending = asyncio.create_task(request.told_to_end.wait())
    try:
        while True:
            message = asyncio.ensure_future(receive())
            done, _rest = await asyncio.wait(
                {message, ending, writing}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if message not in done:
                message.cancel()
                return False
            event = message.result()
            if event["type"] != "http.request":
                return False
            if event.get("body"):
                pieces.put_nowait(event["body"])
                await _wait_for_room(pieces, writing)
            if not event.get("more_body"):
                return True
    finally:
        ending.cancel()
        pieces.put_nowait(None)


async def _wait_for_room(pieces: asyncio.Queue[bytes | None], writing: asyncio.Task[Any]) -> None:
    """Hold the client back while the disk is slower than the line."""
    while pieces.qsize() > MAX_WAITING_PIECES and not writing.done():
        await asyncio.sleep(0.002)


async def _write(writer: UploadWriter, grant: Grant, pieces: asyncio.Queue[bytes | None]) -> tuple[hashlib._Hash, bool]:
    """Write what the reader passes on; return the hash of it all, and whether the disk was full."""
    hasher = (grant.checksum or tus_protocol.Checksum("sha256", b"")).new_hasher()
    said = writer.offset
    is_last = False
    while not is_last:
        gathered, is_last = await _gather(pieces)
        if not gathered:
            continue
        try:
            await asyncio.to_thread(writer.append, gathered)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            log.warning("disk full while upload %s was written", grant.code)
            return hasher, True
        if grant.checksum is not None:
            hasher.update(gathered)
        elif writer.offset - said >= DATABASE_EVERY_BYTES:
            said = writer.offset
            if not await sync_to_async(upload_progress)(code=grant.code, offset_bytes=said):
                return hasher, False  # given up meanwhile
    return hasher, False


async def _gather(pieces: asyncio.Queue[bytes | None]) -> tuple[bytes, bool]:
    """Return what waits, up to a mebibyte or so, and whether it is the end."""
    found: list[bytes] = []
    num_bytes = 0
    while num_bytes < GATHER_BYTES:
        piece = await pieces.get() if not found else pieces.get_nowait()
        if piece is None:
            return b"".join(found), True
        found.append(piece)
        num_bytes += len(piece)
        if pieces.empty():
            break
    return b"".join(found), False


async def _finish(grant: Grant, received: Received, send: Send) -> None:
    upload = await sync_to_async(_finished)(grant.code, received.sha256)
    if upload.error:
        raise UploadRefused(upload.error, status=tus_protocol.STATUS_CHECKSUM_MISMATCH)
    headers = _offset_headers(received.offset)
    if upload.file is not None:
        headers["Isocost-File"] = upload.file.code
        if upload.is_duplicate:
            headers["Isocost-Duplicate-Of"] = quote(upload.file.name)
    await _answer(send, 204, headers=headers)


def _finished(code: str, sha256: str) -> Upload:
    try:
        return upload_finish(code=code, sha256=sha256)
    except Upload.DoesNotExist as error:
        raise UploadRefused(_("This upload was given up. Start it again."), status=404) from error


def _offset_headers(offset: int) -> dict[str, str]:
    return {"Upload-Offset": str(offset), "Upload-Expires": tus_protocol.expires(timezone.now() + UPLOAD_EXPIRY)}


async def _answer(send: Send, status: int, sentence: str = "", headers: dict[str, str] | None = None) -> None:
    body = sentence.encode()
    fields = {
        "Tus-Resumable": tus_protocol.VERSION,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **({"Content-Type": "text/plain; charset=utf-8"} if body else {}),
        **({"Content-Length": str(len(body))} if status != 204 else {}),
        **(headers or {}),
    }
    raw = [(key.lower().encode(), value.encode("latin-1")) for key, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
