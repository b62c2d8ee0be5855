"""Uploads over real connections: the tuspy client, a cut connection, wrong offsets, and who may send."""

from __future__ import annotations

import hashlib
import io
import random
import socket
import time
from base64 import b64encode
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings
from tusclient.client import TusClient
from tusclient.exceptions import TusUploadFailed

from tests.factories import Cast
from webapp.datasets.models import Dataset, SourceFile, Upload
from webapp.teams.models import User

TUS = {"Tus-Resumable": "1.0.0"}


def cookie_of(cast: Cast, user: User) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={cast.client(user).cookies[settings.SESSION_COOKIE_NAME].value}"


def some_bytes(num_bytes: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(num_bytes)


def begin(server: str, dataset: Dataset, cookie: str, *, num_bytes: int, name: str = "a.txt", sha256: str = "") -> str:
    metadata = f"filename {b64encode(name.encode()).decode()}"
    if sha256:
        metadata += f",sha256 {b64encode(sha256.encode()).decode()}"
    headers = {**TUS, "Cookie": cookie, "Upload-Length": str(num_bytes), "Upload-Metadata": metadata}
    response = requests.post(f"{server}/datasets/{dataset.code}/uploads/", headers=headers, timeout=10)
    assert response.status_code == 201, response.text
    return server + response.headers["Location"]


def send(url: str, cookie: str, data: bytes, *, offset: int, **headers: str) -> requests.Response:
    fields = {
        **TUS,
        "Cookie": cookie,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        **{key.replace("_", "-"): value for key, value in headers.items()},
    }
    return requests.patch(url, data=data, headers=fields, timeout=20)


def offset_of(url: str, cookie: str) -> int:
    return int(requests.head(url, headers={**TUS, "Cookie": cookie}, timeout=10).headers["Upload-Offset"])


def cut_patch(url: str, cookie: str, data: bytes, *, offset: int, declared: int) -> None:
    """Send a PATCH that declares more than it sends, then break the connection."""
    parts = urlsplit(url)
    head = (
        f"PATCH {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nTus-Resumable: 1.0.0\r\nCookie: {cookie}\r\n"
        f"Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: {declared}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(head.encode() + data)


def settled_offset(url: str, cookie: str, expected: int) -> int:
    """Return the offset once it is what is expected, or after five seconds whatever it is."""
    deadline = time.monotonic() + 5
    while (found := offset_of(url, cookie)) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("checksum", [False, True])
def test_tuspy_uploads_a_file_in_parts(server: str, live_cast: Cast, live_dataset: Dataset, checksum: bool) -> None:
    data = some_bytes(3_000_000)
    client = TusClient(
        f"{server}/datasets/{live_dataset.code}/uploads/", headers={"Cookie": cookie_of(live_cast, live_cast.bob)}
    )
    client.uploader(
        file_stream=io.BytesIO(data), chunk_size=700_000, metadata={"filename": "客服.txt"}, upload_checksum=checksum
    ).upload()
    file = SourceFile.objects.get(dataset=live_dataset)
    assert (file.name, file.size_bytes) == ("客服.txt", len(data))
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert file.path.read_bytes() == data
    assert not Upload.objects.get().path.exists()


def test_connection_cut_at_60_percent_leaves_60_percent(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    data = some_bytes(10_000_000)
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=len(data))
    cut_patch(url, cookie, data[:6_000_000], offset=0, declared=len(data))
    assert settled_offset(url, cookie, 6_000_000) == 6_000_000
    assert send(url, cookie, data[6_000_000:], offset=6_000_000).status_code == 204
    assert SourceFile.objects.get().path.read_bytes() == data


def test_tuspy_resumes_after_a_cut(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    data = some_bytes(2_000_000)
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    cut_patch(url, cookie, data[:1_234_567], offset=0, declared=len(data))
    assert settled_offset(url, cookie, 1_234_567) == 1_234_567
    uploader = TusClient("", headers={"Cookie": cookie}).uploader(file_stream=io.BytesIO(data), url=url)
    assert uploader.offset == 1_234_567
    uploader.upload()
    assert SourceFile.objects.get().sha256 == hashlib.sha256(data).hexdigest()


def test_a_dead_connection_does_not_lock_its_upload(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    data = some_bytes(1_000_000)
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=len(data))
    parts = urlsplit(url)
    head = (
        f"PATCH {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nTus-Resumable: 1.0.0\r\nCookie: {cookie}\r\n"
        f"Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as silent:
        silent.sendall(head.encode() + data[:400_000])
        arrived = settled_offset(url, cookie, 400_000)
        assert send(url, cookie, data[arrived:], offset=arrived).status_code == 204
    assert SourceFile.objects.get().path.read_bytes() == data


def test_wrong_offset_is_refused_and_changes_nothing(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=100)
    assert send(url, cookie, b"x" * 10, offset=0).status_code == 204
    for offset in (0, 9, 11, 100):
        assert send(url, cookie, b"y" * 10, offset=offset).status_code == 409
    assert offset_of(url, cookie) == 10


def test_more_than_declared_is_cut_off(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=10)
    send(url, cookie, b"0123456789abcdef", offset=0)
    assert SourceFile.objects.get().path.read_bytes() == b"0123456789"


def test_damaged_part_is_dropped(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=30)
    good = b64encode(hashlib.sha256(b"a" * 10).digest()).decode()
    assert send(url, cookie, b"a" * 10, offset=0, Upload_Checksum=f"sha256 {good}").status_code == 204
    assert send(url, cookie, b"b" * 10, offset=10, Upload_Checksum=f"sha256 {good}").status_code == 460
    assert send(url, cookie, b"b" * 10, offset=10, Upload_Checksum="crc32 AAAA").status_code == 400
    assert offset_of(url, cookie) == 10
    assert send(url, cookie, b"c" * 20, offset=10).status_code == 204
    assert SourceFile.objects.get().sha256 == hashlib.sha256(b"a" * 10 + b"c" * 20).hexdigest()


def test_wrong_sha256_of_the_whole_is_refused(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=10, sha256="0" * 64)
    response = send(url, cookie, b"0123456789", offset=0)
    assert response.status_code == 460
    assert "arrived damaged" in response.text
    assert not SourceFile.objects.exists()
    assert not Upload.objects.get().path.exists()


def test_same_bytes_twice_are_recognised(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    cookie = cookie_of(live_cast, live_cast.bob)
    for name in ("one.txt", "two.txt"):
        url = begin(server, live_dataset, cookie, num_bytes=5, name=name)
        response = send(url, cookie, b"hello", offset=0)
    assert response.status_code == 204
    assert response.headers["Isocost-Duplicate-Of"] == "one.txt"
    assert SourceFile.objects.count() == 1
    headers = {
        **TUS,
        "Cookie": cookie,
        "Upload-Length": "5",
        "Upload-Metadata": f"sha256 {b64encode(hashlib.sha256(b'hello').hexdigest().encode()).decode()}",
    }
    promised = requests.post(f"{server}/datasets/{live_dataset.code}/uploads/", headers=headers, timeout=10)
    assert (promised.status_code, "one.txt" in promised.text) == (409, True)


def test_who_may_send(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=10)
    for user, status in ((live_cast.vera, 403), (live_cast.charlie, 404)):
        assert send(url, cookie_of(live_cast, user), b"x", offset=0).status_code == status
    assert send(url, "", b"x", offset=0).status_code == 401
    assert offset_of(url, cookie) == 0
    live_cast.team.memberships.filter(user=live_cast.bob).delete()
    assert send(url, cookie, b"x", offset=0).status_code == 404


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
def test_a_page_of_another_site_cannot_send(server: str, live_cast: Cast, live_dataset: Dataset, origin: str) -> None:
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=10)
    assert send(url, cookie, b"x", offset=0, Origin=origin).status_code == 403
    assert send(url, cookie, b"x", offset=0, Sec_Fetch_Site="cross-site").status_code == 403
    assert send(url, cookie, b"x", offset=0, Tus_Resumable="0.9").status_code == 412
    assert send(url, cookie, b"x", offset=0, Content_Type="text/plain").status_code == 415
    assert send(url, cookie, b"x" * 10, offset=0, Origin=server).status_code == 204


def test_full_disk_keeps_what_arrived_and_says_so(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=10)
    path = Upload.objects.get().path
    path.unlink()
    path.symlink_to("/dev/full")  # the kernel's own full disk
    response = send(url, cookie, b"0123456789", offset=0)
    assert response.status_code == 507
    assert "disk is full" in response.text


def test_given_up_upload_is_gone(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=10)
    path = Upload.objects.get().path
    assert requests.delete(url, headers={**TUS, "Cookie": cookie}, timeout=10).status_code == 204
    assert not path.exists()
    assert send(url, cookie, b"x", offset=0).status_code == 404
    uploader = TusClient("", headers={"Cookie": cookie}).uploader(file_stream=io.BytesIO(b"x" * 10), chunk_size=5)
    uploader.url = url
    with pytest.raises(TusUploadFailed):
        uploader.upload_chunk()


def test_a_restarted_server_goes_on_with_the_same_hash(server: str, live_cast: Cast, live_dataset: Dataset) -> None:
    from webapp.datasets import upload_writer

    data = some_bytes(500_000)
    cookie = cookie_of(live_cast, live_cast.bob)
    url = begin(server, live_dataset, cookie, num_bytes=len(data))
    send(url, cookie, data[:200_000], offset=0)
    upload_writer._hashes.clear()  # what a new process starts with
    assert send(url, cookie, data[200_000:], offset=200_000).status_code == 204
    assert SourceFile.objects.get().sha256 == hashlib.sha256(data).hexdigest()
