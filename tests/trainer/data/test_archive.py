"""Archives that no honest person makes: each refused with a sentence, within two seconds and bounded memory."""

from __future__ import annotations

import gzip
import io
import re
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.trainer.data.test_readers import read
from trainer.errors import InputError

ROOT = Path(__file__).parents[3]


def make_zip(path: Path, members: dict[str, bytes], **flags: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = flags.get("external_attr", 0)
            archive.writestr(info, data)
    return path


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../out.txt", "a path that leads out of the archive"),
        ("a/../../out.txt", "a path that leads out of the archive"),
        ("..\\out.txt", "a path that leads out of the archive"),
        ("/etc/words.txt", "a path that leads out of the archive"),
        ("C:/words.txt", "a path that leads out of the archive"),
        ("d/" * 60 + "a.txt", "a path of over 40 folders"),
        ("n" * 2_000 + ".txt", "a path of over 1,024 bytes"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(InputError, match=rf"a\.zip holds {problem} .*make the zip again"):
        read(make_zip(tmp_path / "a.zip", {"good.txt": b"words", name: b"bad"}))


def test_a_nul_in_a_name_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"goodX.txt": b"words"})
    path.write_bytes(path.read_bytes().replace(b"goodX.txt", b"good\0.txt"))
    with pytest.raises(InputError, match=r"a\.zip"):
        read(path)


def test_links_are_refused(tmp_path: Path) -> None:
    link = make_zip(tmp_path / "a.zip", {"link": b"/etc/passwd"}, external_attr=0o120777 << 16)
    with pytest.raises(InputError, match="a link or device instead of a file"):
        read(link)


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.txt": b"words"})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="an encrypted file"):
        read(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_are_refused_also_in_other_unicode_forms(tmp_path: Path) -> None:
    for first, second in (("a.txt", "a.txt"), ("é.txt", "e\u0301.txt")):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(first, "one")
            archive.writestr(second, "two")
        with pytest.raises(InputError, match="twice"):
            read(path)


def test_a_broken_member_is_counted_and_the_others_are_read(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.txt": b"first words " * 50, "b.txt": b"second words " * 50})
    data = bytearray(path.read_bytes())
    data[45] ^= 0xFF
    path.write_bytes(data)
    documents, skips = read(path)
    assert [d.source for d in documents] == ["a.zip/b.txt"]
    assert "damaged zip member" in skips.reasons


def zeros_zip(path: Path) -> None:
    """200 MB of zeros in one member."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.txt", "w") as member:
        for _ in range(200):
            member.write(bytes(1 << 20))


def lying_zip(path: Path) -> None:
    """The directory says one kilobyte; the data unpack to 60 MB."""
    make_zip(path, {"a.txt": b"a" * 60_000_000})
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 60_000_000), struct.pack("<I", 1_000)))


def many_files_zip(path: Path) -> None:
    """A million empty files: a directory of a size that takes long to parse."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0)
    directory = b"".join(entry + b"%06d" % i for i in range(1_000_000))
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**6, 10**6, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(directory + end64 + locator + end)


def overlapping_zip(path: Path) -> None:
    """Many names for the same bytes, as in the bombs that need no nesting."""
    make_zip(path, {"a.txt": b"a" * 1_000_000})
    data = path.read_bytes()
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[at:end]
    entries = b"".join(entry.replace(b"a.txt", b"%05d" % i) for i in range(500))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 500, 500, len(entries), at, 0)
    path.write_bytes(data[:at] + entries + tail)


def nested_zip(path: Path) -> None:
    """Archives inside archives: they are not opened, so nothing is found."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.txt", bytes(10_000_000))
    make_zip(path, {f"{i}.zip": inner.getvalue() for i in range(16)})


def gzip_bomb(path: Path) -> None:
    with gzip.open(path, "wb", 6) as file:
        for _ in range(100):
            file.write(b'{"text": "aaaaaaaa"}\n' * 50_000)


def zstd_bomb(path: Path) -> None:
    with open(path, "wb") as raw, zstandard.ZstdCompressor(level=3).stream_writer(raw) as file:
        for _ in range(1_000):
            file.write(b"a" * (1 << 20))


def gzip_in_zip(path: Path) -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(packed.compress(bytes(1 << 20)) for _ in range(100)) + packed.flush()
    make_zip(path, {"a.jsonl.gz": data})


def parquet_bomb(path: Path) -> None:
    """One text of a megabyte, ten thousand times: a few kilobytes on disk."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), pa.array(["word " * 200_000]))
    pq.write_table(pa.table({"text": text}), path, compression="zstd")


BOMBS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "zeros": ("a.zip", zeros_zip, "looks like a zip bomb"),
    "lying": ("a.zip", lying_zip, "a.zip"),
    "many files": ("a.zip", many_files_zip, "holds 1,000,000 files, more than 100,000"),
    "overlapping": ("a.zip", overlapping_zip, "overlap|looks like a zip bomb"),
    "nested": ("a.zip", nested_zip, "archive inside an archive"),
    "gz": ("a.jsonl.gz", gzip_bomb, "looks like a decompression bomb"),
    "zst": ("a.txt.zst", zstd_bomb, "looks like a decompression bomb|nothing but|binary"),
    "gz in zip": ("a.zip", gzip_in_zip, "looks like a decompression bomb|binary data"),
    "parquet": ("a.parquet", parquet_bomb, "looks like a decompression bomb"),
}

READ = """
import resource, sys, time
from trainer.data.readers import read_documents
from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec
import pyarrow.parquet
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.process_time()
try:
    for document in read_documents([SourceSpec(path=sys.argv[1])], ReadLimits(), SkipCounter(100)):
        pass
    sentence = "read to the end"
except Exception as error:
    sentence = f"{type(error).__name__}: {error}"
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / (1 if sys.platform == "darwin" else 1024) / 1.048576
print(time.process_time() - started, grown, sentence, sep="\\n")
"""


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly_in_little_memory(tmp_path: Path, name: str) -> None:
    file_name, make, sentence = BOMBS[name]
    make(tmp_path / file_name)
    started = time.monotonic()
    answer = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / file_name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    seconds, grown_mb, said = answer.stdout.split("\n", 2)
    assert said.startswith("InputError: ")
    assert re.search(sentence, said), said
    assert float(seconds) < 4, f"{seconds} s of processor time"
    assert float(grown_mb) < 300, f"{grown_mb} MB"
    assert time.monotonic() - started < 30
