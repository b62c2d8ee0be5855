"""The words of tus 1.0 (https://tus.io/protocols/resumable-upload): headers read, checked and written.

Core, creation, termination, expiration, and checksum with sha1 and sha256. Knows no database and no disk.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import http_date
from django.utils.translation import gettext as _

from webapp.datasets.errors import UploadRefused

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,checksum,expiration"
CHECKSUM_ALGORITHMS = ("sha256", "sha1")
PATCH_CONTENT_TYPE = "application/offset+octet-stream"
STATUS_CHECKSUM_MISMATCH = 460


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the client says the body of one PATCH hashes to."""

    algorithm: str
    digest: bytes

    def new_hasher(self) -> hashlib._Hash:
        return hashlib.new(self.algorithm, usedforsecurity=False)


def check_version(tus_resumable: str | None) -> None:
    """Refuse a client of another version. The header also proves that no foreign page's form sent the request."""
    if tus_resumable != VERSION:
        raise UploadRefused(
            _("This address speaks tus %(version)s: send Tus-Resumable.") % {"version": VERSION}, status=412
        )


def check_origin(*, origin: str | None, host: str, fetch_site: str | None = None) -> None:
    """Refuse a request that a page of another site made. Programs send no Origin; browsers always do here."""
    if fetch_site == "cross-site":
        raise UploadRefused(_("Uploads are taken from this site's own pages only."), status=403)
    if origin is None:
        return
    is_own = urlsplit(origin).netloc == host and validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
    if not is_own and origin not in settings.CSRF_TRUSTED_ORIGINS:
        raise UploadRefused(_("Uploads are taken from this site's own pages only."), status=403)


def read_length(text: str | None) -> int:
    """Return Upload-Length. An unknown length (Upload-Defer-Length) is not taken: the quota is reserved first."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        raise UploadRefused(_("Upload-Length must be the size of the file in bytes."), status=400)
    return int(text)


def read_offset(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        raise UploadRefused(_("Upload-Offset must be the number of bytes sent before."), status=400)
    return int(text)


def read_metadata(text: str | None) -> dict[str, str]:
    """Return Upload-Metadata: pairs of a key and base64, separated by commas."""
    found = {}
    for pair in (text or "").split(","):
        key, *rest = pair.split()[:2] or [""]
        if not key:
            continue
        try:
            found[key] = base64.b64decode(rest[0] if rest else "", validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise UploadRefused(
                _("Upload-Metadata: “%(key)s” is not base64 of UTF-8.") % {"key": key}, status=400
            ) from error
    return found


def read_sha256(metadata: dict[str, str]) -> str:
    """Return the promised hash of the whole file, empty when none was promised."""
    promised = metadata.get("sha256", "").lower()
    if promised and (len(promised) != 64 or any(char not in "0123456789abcdef" for char in promised)):
        raise UploadRefused(_("Upload-Metadata: sha256 must be 64 hexadecimal digits."), status=400)
    return promised


def read_checksum(text: str | None) -> Checksum | None:
    """Return Upload-Checksum, None when the client sent none."""
    if text is None:
        return None
    algorithm, _space, encoded = text.partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS:
        raise UploadRefused(
            _("Upload-Checksum: algorithms are %(names)s.") % {"names": ", ".join(CHECKSUM_ALGORITHMS)}, status=400
        )
    try:
        return Checksum(algorithm, base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise UploadRefused(_("Upload-Checksum: the value is not base64."), status=400) from error


def expires(at: datetime) -> str:
    return http_date(at.timestamp())
