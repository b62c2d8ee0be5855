"""Prepare a dataset version: sources and recipe in, shards, tokenizer and report out.

    python -m trainer prepare notes.jsonl --out version

Passes over the data, each holding a window of it:

    1  read, normalise, filter, redact, hash and sketch, in worker processes    -> spool on disk
    2  exact duplicates, near-duplicate clusters, splits                        -> a few numbers a document
    3  tokenizer learnt from a sample of the training split
    4  encode and pack, in threads                                              -> shards

The same input and recipe give the same content hash on any number of threads: chunks are cut by the reader, and results
are taken in order.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from trainer.data.augment import Paraphraser
from trainer.data.clean import CleanChunk, CleanStats, RawDocument, clean_chunk, utf8_length
from trainer.data.exact import first_of_equals
from trainer.data.kinds import get_data_kind, load, reader_of
from trainer.data.manifest import VersionManifest, hash_file
from trainer.data.minhash import band_shape
from trainer.data.near import Clusters, find_clusters
from trainer.data.opening import check_source
from trainer.data.pack import PackStats, pack
from trainer.data.readers import read_documents
from trainer.data.report import Facts, build_report
from trainer.data.sample import learn_tokenizer, write_sample
from trainer.data.shard_writer import VersionWriter
from trainer.data.shards import PreparedVersion, open_version
from trainer.data.skipped import SkipCounter
from trainer.data.sources import Document, SourceSpec
from trainer.data.spec import PrepareSpec, recipe_hash
from trainer.data.split import TRAIN, assign_splits
from trainer.data.spool import Spool
from trainer.data.tokenizer import Tokenizer
from trainer.data.workers import map_in_order, num_cores
from trainer.errors import InputError, TrainerError
from trainer.events import AnyEvent, Artifact, Finished, Message, Progress, Report, Stopped
from trainer.folder import AttemptFolder

CHUNK_BYTES = 4 << 20
MAX_LABELS = 10_000
_SECONDS_BETWEEN_PROGRESS = 0.25


class StoppedError(Exception):
    """The preparation was told to stop. Nothing of it is kept: a half-made version would be no version."""


class Context(Protocol):
    """What a job gets to work with; `trainer.context.JobContext` is one."""

    attempt: AttemptFolder

    def emit(self, event: AnyEvent) -> object: ...
    def should_stop(self) -> str | None: ...
    def path_in_job(self, path: Path) -> str: ...


def run(spec: PrepareSpec, context: Context) -> Finished | Stopped:
    """Do a job of kind `prepare`: the version lies in the attempt's `artifacts/version` after."""
    folder = context.attempt.artifacts / "version"
    try:
        version = prepare(spec, folder, emit=context.emit, should_stop=lambda: context.should_stop() is not None)
    except StoppedError:
        return Stopped(sentence="The preparation was stopped; prepare again to start it from the beginning.")
    context.emit(Report(report=version.report()))
    manifest = version.manifest
    size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    context.emit(
        Artifact(name="version", path=context.path_in_job(folder), size_bytes=size_bytes, sha256=manifest.content_hash)
    )
    return Finished(
        result={
            "path": context.path_in_job(folder),
            "content_hash": manifest.content_hash,
            "recipe_hash": manifest.recipe_hash,
            "vocab_size": manifest.vocab_size,
            "num_tokens": manifest.num_tokens,
            "num_documents": manifest.num_documents,
        },
        sentence=f"{manifest.num_documents:,} documents became {manifest.num_tokens:,} tokens.",
    )


def prepare(
    spec: PrepareSpec,
    folder: Path,
    *,
    emit: Callable[[AnyEvent], object] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> PreparedVersion:
    """Prepare into `folder`, which must not exist yet; it appears complete or not at all."""
    if folder.exists():
        raise InputError(f"{folder} exists already; a prepared version is never changed, choose another folder.")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _Preparation(spec, partial, emit, should_stop).run()
        (partial / "version").rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_version(folder)


@dataclass(slots=True)
class _Preparation:
    """One preparation and what its passes hand on."""

    spec: PrepareSpec
    folder: Path
    emit: Callable[[AnyEvent], object]
    should_stop: Callable[[], bool]
    seconds: dict[str, float] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    bytes_of_files_read: int = 0
    _last_progress: float = 0.0

    def run(self) -> None:
        self.spec = replace(self.spec, sources=[self._hashed(source) for source in self.spec.sources])
        self._check_disk()
        skips = SkipCounter(self.spec.recipe.read.max_broken_lines)
        with self._timed("clean"):
            spool, stats = self._clean(skips)
        if spool.num_documents == 0:
            raise InputError(_all_dropped(stats))
        with self._timed("duplicates"):
            equals = first_of_equals(spool)
            clusters = self._clusters(spool, equals)
            splits = assign_splits(spool, clusters.roots, self.spec.recipe.split)
        removed_exact, removed_near = self._removed(equals, clusters)
        keep = ~(removed_exact | removed_near)
        with self._timed("tokenizer"):
            tokenizer = self._tokenizer(spool, keep & (splits == TRAIN))
        with self._timed("pack"):
            manifest, pack_stats = self._pack(spool, tokenizer, keep, splits)
        facts = Facts(
            spec=self.spec,
            spool=spool,
            stats=stats,
            skips=skips,
            clusters=clusters,
            equals=equals,
            removed_exact=removed_exact,
            removed_near=removed_near,
            splits=splits,
            manifest=manifest,
            pack_stats=pack_stats,
            source_names=self.folder / "version" / "sources.jsonl",
            bytes_of_files=sum(Path(source.path).stat().st_size for source in self.spec.sources),
            seconds=self.seconds,
        )
        report = build_report(facts)
        (self.folder / "version" / "report.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(report), indent=1)
        )
        for warning in report["warnings"]:
            self.emit(Message(text=warning, level="warning"))

    # pass 1

    def _clean(self, skips: SkipCounter) -> tuple[Spool, CleanStats]:
        near = self.spec.recipe.near
        num_bands, _ = band_shape(near.num_hashes, near.threshold)
        spool = Spool(self.folder / "work", num_bands=num_bands, num_hashes=near.num_hashes)
        stats = CleanStats()
        results: Iterator[CleanChunk] = map_in_order(
            clean_chunk,
            self._chunks(skips, spool),
            num_workers=num_cores(self.spec.num_threads),
            check_stop=self._check,
        )
        for chunk in results:
            spool.append(chunk.records, chunk.sketches, chunk.bands)
            stats.merge(chunk.stats)
        spool.close_writers()
        return spool, stats

    def _chunks(self, skips: SkipCounter, spool: Spool) -> Iterator[tuple[int, list[RawDocument], object, Path]]:
        """Yield the arguments of `clean_chunk`; cut by size, so that chunks do not depend on the number of workers."""
        total = sum(Path(source.path).stat().st_size for source in self.spec.sources)
        chunk: list[RawDocument] = []
        number = num_bytes = 0
        (self.folder / "version").mkdir()
        with open(self.folder / "version" / "sources.jsonl", "xb") as names:
            numbered = _Numbered(names.write, self.labels)
            documents = read_documents(
                self.spec.sources,
                self.spec.recipe.read,
                skips,
                on_progress=self._count_bytes,
                reader=reader_of(self.spec.recipe),
            )
            for document in documents:
                self._check()
                chunk.append(numbered(document))
                num_bytes += utf8_length(document.text)
                if num_bytes >= CHUNK_BYTES:
                    yield number, chunk, self.spec.recipe, spool.chunk_path(number)
                    number, chunk, num_bytes = number + 1, [], 0
                self._progress("reading and cleaning", self.bytes_of_files_read, total)
        if chunk:
            yield number, chunk, self.spec.recipe, spool.chunk_path(number)

    # pass 2

    def _clusters(self, spool: Spool, equals: NDArray[np.int32]) -> Clusters:
        if self._has_parts and not self.spec.recipe.near.enabled:
            return Clusters(roots=equals, pairs=[])  # the reader's groups keep together what must not be parted

        def on_progress(band: int) -> None:
            self._progress("near-duplicates", band, spool.num_bands, unit="band")

        return find_clusters(spool, equals, self.spec.recipe.near, check_stop=self._check, on_progress=on_progress)

    def _removed(self, equals: NDArray[np.int32], clusters: Clusters) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which documents are removed as exact, and which of the others as near-duplicates."""
        numbers = np.arange(len(equals))
        exact = (equals != numbers) & self.spec.recipe.exact.enabled
        near = (clusters.roots != numbers) & (equals == numbers) & self.spec.recipe.near.enabled
        if self.spec.recipe.near.enabled:  # with exact removal off, equal texts are near-duplicates too
            near |= (equals != numbers) & ~exact
        return exact, near

    # pass 3

    def _tokenizer(self, spool: Spool, in_training: NDArray[np.bool_]) -> Tokenizer:
        if self.spec.tokenizer_path:
            return Tokenizer.load(self.spec.tokenizer_path)
        step = self.spec.recipe.tokenizer
        self._progress("learning the tokenizer", 0, None, force=True)
        sample = self.folder / "work" / "sample.bin"
        write_sample(spool, in_training, step, sample)
        tokenizer = learn_tokenizer(
            sample,
            self.folder / "work" / "tokenizer",
            step,
            check_stop=self._check,
            num_threads=num_cores(self.spec.num_threads),
        )
        sample.unlink()
        return tokenizer

    # pass 4

    def _pack(
        self, spool: Spool, tokenizer: Tokenizer, keep: NDArray[np.bool_], splits: NDArray[np.uint8]
    ) -> tuple[VersionManifest, PackStats]:
        done = 0

        def on_progress(num_bytes: int) -> None:
            nonlocal done
            done += num_bytes
            self._progress("tokenizing and packing", done, spool.num_bytes)

        writer = VersionWriter(self.folder / "version", tokenizer)
        stats = pack(
            spool,
            tokenizer,
            keep,
            splits,
            writer,
            num_threads=num_cores(self.spec.num_threads),
            check_stop=self._check,
            on_progress=on_progress,
            has_parts=self._has_parts,
            augment=self.spec.recipe.augment,
            paraphraser=self._paraphraser(),
        )
        if stats.augment.copies:
            self.seconds["augment"] = round(stats.augment.seconds, 3)  # within pack, added up over its threads
        tokenizer_sha256 = (
            hash_file(Path(self.spec.tokenizer_path) / "tokenizer.json")[0] if self.spec.tokenizer_path else ""
        )
        manifest = writer.finish(
            label_names=list(self.labels),
            recipe_hash=recipe_hash(
                self.spec.sources,
                self.spec.recipe,
                data_kind=self.spec.data_kind,
                tokenizer_sha256=tokenizer_sha256,
            ),
            data_kind=self.spec.data_kind,
        )
        return manifest, stats

    # around them

    def _paraphraser(self) -> Paraphraser | None:
        """Open the model that says lines in other words, where the recipe names one."""
        step = self.spec.recipe.augment
        if not step.copies or not step.paraphraser:
            return None
        self._progress("opening the paraphraser", 0, None, force=True)
        opened: Paraphraser = load("trainer.inference.paraphrase:open_paraphraser")(
            step.paraphraser, step.paraphraser_back
        )
        return opened

    @property
    def _has_parts(self) -> bool:
        return bool(get_data_kind(self.spec.data_kind).reader)

    def _hashed(self, source: SourceSpec) -> SourceSpec:
        path = Path(source.path)
        if len(self.spec.sources) == 1 or not path.is_file():
            check_source(source)
        return source if source.sha256 else replace(source, sha256=hash_file(Path(source.path))[0])

    def _check_disk(self) -> None:
        """Refuse to start when the disk cannot hold what the passes will write; compressed text counts five times."""
        needed = sum(
            Path(source.path).stat().st_size
            * (5 if source.display_name.endswith((".gz", ".zst", ".zip", ".parquet")) else 1)
            for source in self.spec.sources
        )
        needed = int(needed * 2.2) + (64 << 20)
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise TrainerError(
                f"The disk has {free / 1e9:,.1f} GB free and the preparation needs about {needed / 1e9:,.1f} GB. "
                "Free some space, then prepare again.",
                code="disk_full",
            )

    def _check(self) -> None:
        if self.should_stop():
            raise StoppedError

    def _count_bytes(self, num_bytes: int) -> None:
        self.bytes_of_files_read += num_bytes

    def _progress(
        self, phase: str, done: float, total: float | None, *, unit: str = "byte", force: bool = False
    ) -> None:
        now = time.monotonic()
        if force or now - self._last_progress >= _SECONDS_BETWEEN_PROGRESS:
            self._last_progress = now
            self.emit(Progress(done=min(done, total) if total else done, total=total, unit=unit, phase=phase))

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)


class _Numbered:
    """Gives files and labels numbers. A file's name is written out when its first document comes, and then forgotten."""

    def __init__(self, write: Callable[[bytes], object], labels: dict[str, int]) -> None:
        self._write, self._labels = write, labels
        self._source, self._number = "", -1

    def __call__(self, document: Document) -> RawDocument:
        if document.source != self._source or self._number < 0:
            self._source, self._number = document.source, self._number + 1
            self._write(msgspec.json.encode(document.source) + b"\n")
        return RawDocument(document.text, self._number, document.row, self._label(document), group_of(document))

    def _label(self, document: Document) -> int:
        if not document.label:
            return -1
        if document.label not in self._labels and len(self._labels) >= MAX_LABELS:
            raise InputError(
                f"There are more than {MAX_LABELS:,} different labels ({document.source} row {document.row:,} has "
                f"{document.label[:40]!r}); choose a column with fewer values, or none."
            )
        return self._labels.setdefault(document.label, len(self._labels))


def group_of(document: Document) -> int:
    """Return a number for the group of a document; 0 for none."""
    return xxhash.xxh3_64_intdigest(document.group.encode("utf-8", errors="replace")) or 1 if document.group else 0


def _all_dropped(stats: CleanStats) -> str:
    reasons = ", ".join(f"{name} ({tally.documents:,})" for name, tally in stats.dropped.items())
    return (
        f"The filter dropped all {stats.documents_read:,} documents: {reasons}. Loosen the filter's limits; the trial on "
        "some documents shows which."
    )
