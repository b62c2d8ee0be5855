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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.amounts import amount
from trainer.data.augment import Paraphraser
from trainer.data.clean import CleanChunk, CleanStats, RawDocument, clean_chunk, utf8_length
from trainer.data.exact import first_of_equals
from trainer.data.kinds import get_data_kind, load, reader_of
from trainer.data.manifest import VersionManifest, hash_file
from trainer.data.minhash import band_shape
from trainer.data.near import Clusters, find_clusters
from trainer.data.numbers import Numbers
from trainer.data.opening import check_source
from trainer.data.pack import PackStats, pack
from trainer.data.preparing import Context, Outcome, Watch, run_preparation
from trainer.data.readers import read_documents
from trainer.data.report import Facts, build_report
from trainer.data.sample import learn_tokenizer, write_sample
from trainer.data.shard_writer import VersionWriter
from trainer.data.shards import PreparedVersion, open_version
from trainer.data.skipped import SkipCounter
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec, recipe_hash
from trainer.data.split import TRAIN, assign_splits
from trainer.data.spool import Spool
from trainer.data.tokenizer import Tokenizer
from trainer.data.workers import map_in_order, num_cores
from trainer.errors import InputError, TrainerError
from trainer.events import AnyEvent, Finished, Message, Stopped

CHUNK_BYTES = 4 << 20


def run(spec: PrepareSpec, context: Context) -> Finished | Stopped:
    """Do a job of kind `prepare`."""

    def made(folder: Path, watch: Watch) -> Outcome:
        version = prepare(spec, folder, emit=watch.emit, should_stop=watch.should_stop)
        manifest = version.manifest
        return Outcome(
            manifest=manifest,
            report=version.report(),
            facts={"vocab_size": manifest.vocab_size, "num_tokens": manifest.num_tokens},
            sentence=f"{amount(manifest.num_documents, 'document')} became {amount(manifest.num_tokens, 'token')}.",
        )

    return run_preparation(context, made)


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
        _Preparation(spec, partial, Watch(emit=emit, should_stop=should_stop)).run()
        (partial / "version").rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_version(folder)


@dataclass(slots=True)
class _Preparation:
    """One preparation and what its passes hand on."""

    spec: PrepareSpec
    folder: Path
    watch: Watch
    numbers: Numbers = field(default_factory=Numbers)
    bytes_of_files_read: int = 0

    def run(self) -> None:
        self.spec = replace(self.spec, sources=[self._hashed(source) for source in self.spec.sources])
        self._check_disk()
        skips = SkipCounter(self.spec.recipe.read.max_broken_lines)
        with self.watch.timed("clean"):
            spool, stats = self._clean(skips)
        if spool.num_documents == 0:
            raise InputError(_all_dropped(stats))
        with self.watch.timed("duplicates"):
            equals = first_of_equals(spool)
            clusters = self._clusters(spool, equals)
            splits = assign_splits(spool, clusters.roots, self.spec.recipe.split)
        removed_exact, removed_near = self._removed(equals, clusters)
        keep = ~(removed_exact | removed_near)
        with self.watch.timed("tokenizer"):
            tokenizer = self._tokenizer(spool, keep & (splits == TRAIN))
        with self.watch.timed("pack"):
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
            seconds=self.watch.seconds,
        )
        report = build_report(facts)
        (self.folder / "version" / "report.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(report), indent=1)
        )
        for warning in report["warnings"]:
            self.watch.emit(Message(text=warning, level="warning"))

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
            check_stop=self.watch.check,
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
            documents = read_documents(
                self.spec.sources,
                self.spec.recipe.read,
                skips,
                on_progress=self._count_bytes,
                reader=reader_of(self.spec.recipe),
            )
            for document in documents:
                self.watch.check()
                chunk.append(self.numbers.of(document, names.write))
                num_bytes += utf8_length(document.text)
                if num_bytes >= CHUNK_BYTES:
                    yield number, chunk, self.spec.recipe, spool.chunk_path(number)
                    number, chunk, num_bytes = number + 1, [], 0
                self.watch.progress("reading and cleaning", self.bytes_of_files_read, total, unit="byte")
        if chunk:
            yield number, chunk, self.spec.recipe, spool.chunk_path(number)

    # pass 2

    def _clusters(self, spool: Spool, equals: NDArray[np.int32]) -> Clusters:
        if self._has_parts and not self.spec.recipe.near.enabled:
            return Clusters(roots=equals, pairs=[])  # the reader's groups keep together what must not be parted

        def on_progress(band: int) -> None:
            self.watch.progress("near-duplicates", band, spool.num_bands, unit="band")

        return find_clusters(spool, equals, self.spec.recipe.near, check_stop=self.watch.check, on_progress=on_progress)

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
        self.watch.progress("learning the tokenizer", 0, unit="byte", now=True)
        sample = self.folder / "work" / "sample.bin"
        write_sample(spool, in_training, step, sample)
        tokenizer = learn_tokenizer(
            sample,
            self.folder / "work" / "tokenizer",
            step,
            check_stop=self.watch.check,
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
            self.watch.progress("tokenizing and packing", done, spool.num_bytes, unit="byte")

        writer = VersionWriter(self.folder / "version", tokenizer)
        stats = pack(
            spool,
            tokenizer,
            keep,
            splits,
            writer,
            num_threads=num_cores(self.spec.num_threads),
            check_stop=self.watch.check,
            on_progress=on_progress,
            has_parts=self._has_parts,
            augment=self.spec.recipe.augment,
            paraphraser=self._paraphraser(),
        )
        if stats.augment.copies:
            self.watch.seconds["augment"] = round(stats.augment.seconds, 3)  # within pack, added up over its threads
        tokenizer_sha256 = (
            hash_file(Path(self.spec.tokenizer_path) / "tokenizer.json")[0] if self.spec.tokenizer_path else ""
        )
        manifest = writer.finish(
            label_names=list(self.numbers.labels),
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
        self.watch.progress("opening the paraphraser", 0, unit="byte", now=True)
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

    def _count_bytes(self, num_bytes: int) -> None:
        self.bytes_of_files_read += num_bytes


def _all_dropped(stats: CleanStats) -> str:
    reasons = ", ".join(f"{name} ({tally.documents:,})" for name, tally in stats.dropped.items())
    return (
        f"The filter dropped all {stats.documents_read:,} documents: {reasons}. Loosen the filter's limits; the trial on "
        "some documents shows which."
    )
