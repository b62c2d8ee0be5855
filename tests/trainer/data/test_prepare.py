"""Preparation as a job: the same hashes whatever the threads, duplicates that never cross a split, stop, errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.data.corpus import Corpus, make_corpus
from trainer.data.manifest import hash_file
from trainer.data.prepare import prepare
from trainer.data.preparing import StoppedError
from trainer.data.recipe import ExactStep, NearStep, Recipe, SplitStep, TokenizerStep
from trainer.data.shards import PreparedVersion
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec, recipe_hash
from trainer.errors import InputError, SpecError
from trainer.events import Artifact, Finished, Report, decode_event
from trainer.folder import JobFolder
from trainer.spec import encode_spec

ROOT = Path(__file__).parents[3]
SMALL = TokenizerStep(vocab_size=1_024)
KEEP_ALL = Recipe(
    tokenizer=SMALL,
    exact=ExactStep(enabled=False),
    near=NearStep(enabled=False),
    split=SplitStep(validation_fraction=0.3, test_fraction=0.3),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("small") / "corpus.jsonl", num_bytes=2_500_000, seed=2)


def spec_of(corpus: Corpus, recipe: Recipe, **fields: int) -> PrepareSpec:
    return PrepareSpec(sources=[SourceSpec(path=str(corpus.path), label_column="lang")], recipe=recipe, **fields)


@pytest.fixture(scope="module")
def kept_all(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> PreparedVersion:
    return prepare(spec_of(corpus, KEEP_ALL, num_threads=1), tmp_path_factory.mktemp("all") / "version")


def split_of_document(corpus: Corpus, version: PreparedVersion) -> dict[int, str]:
    document_at = {row: document for document, row in corpus.row.items()}
    return {
        document_at[split.document_id(number).row]: name
        for name, split in ((name, version.split(name)) for name in version.manifest.splits)
        for number in range(split.num_documents)
    }


def test_a_duplicate_never_crosses_the_split_even_when_duplicates_stay(
    corpus: Corpus, kept_all: PreparedVersion
) -> None:
    split = split_of_document(corpus, kept_all)
    pairs = [*corpus.planted["exact"].items(), *corpus.planted["near"].items()]
    assert len(pairs) > 30
    assert all(split[a] == split[b] for a, b in pairs)  # type: ignore[index]
    assert len({split[a] for a, _ in pairs}) == 3


def test_hashes_do_not_depend_on_threads(corpus: Corpus, kept_all: PreparedVersion, tmp_path: Path) -> None:
    again = prepare(spec_of(corpus, KEEP_ALL, num_threads=2), tmp_path / "version")
    assert again.manifest == kept_all.manifest


def test_another_recipe_gives_other_hashes(corpus: Corpus, kept_all: PreparedVersion, tmp_path: Path) -> None:
    other = prepare(spec_of(corpus, replace(KEEP_ALL, exact=ExactStep()), num_threads=1), tmp_path / "version")
    assert other.manifest.recipe_hash != kept_all.manifest.recipe_hash
    assert other.manifest.content_hash != kept_all.manifest.content_hash


def test_labels_stand_with_their_documents(corpus: Corpus, kept_all: PreparedVersion) -> None:
    document_at = {row: document for document, row in corpus.row.items()}
    names = kept_all.manifest.label_names
    assert sorted(names) == ["code", "en", "zh"]
    for name in kept_all.manifest.splits:
        split = kept_all.split(name)
        found = [names[i] for i in np.asarray(split.label_ids)]
        wanted = [corpus.language[document_at[split.document_id(i).row]] for i in range(split.num_documents)]
        assert found == wanted


def test_an_existing_tokenizer_is_used_as_it_is(corpus: Corpus, kept_all: PreparedVersion, tmp_path: Path) -> None:
    folder = kept_all.path / "tokenizer"
    spec = replace(spec_of(corpus, KEEP_ALL, num_threads=1), tokenizer_path=str(folder))
    version = prepare(spec, tmp_path / "version")
    assert hash_file(version.path / "tokenizer" / "tokenizer.json") == hash_file(folder / "tokenizer.json")
    assert version.manifest.content_hash == kept_all.manifest.content_hash
    assert version.manifest.recipe_hash != kept_all.manifest.recipe_hash


def test_the_recipe_hash_is_known_before_and_depends_on_content_alone(
    corpus: Corpus, kept_all: PreparedVersion
) -> None:
    source = SourceSpec(path="/elsewhere/x", name="corpus.jsonl", label_column="lang", sha256=hash_file(corpus.path)[0])
    assert recipe_hash([source], KEEP_ALL) == kept_all.manifest.recipe_hash
    assert recipe_hash([replace(source, sha256="0" * 64)], KEEP_ALL) != kept_all.manifest.recipe_hash
    with pytest.raises(SpecError, match="sha256 is missing"):
        recipe_hash([replace(source, sha256="")], KEEP_ALL)


@pytest.mark.parametrize("num_threads", [1, 2])
@pytest.mark.parametrize("calls", [3, 150])
def test_a_stop_leaves_nothing_behind(corpus: Corpus, tmp_path: Path, num_threads: int, calls: int) -> None:
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > calls

    with pytest.raises(StoppedError):
        prepare(spec_of(corpus, KEEP_ALL, num_threads=num_threads), tmp_path / "version", should_stop=should_stop)
    assert list(tmp_path.iterdir()) == []


def test_a_stop_is_honoured_within_two_seconds_while_the_tokenizer_learns(corpus: Corpus, tmp_path: Path) -> None:
    stop_at: list[float] = []

    def emit(event: object) -> None:
        if getattr(event, "phase", "") == "learning the tokenizer" and not stop_at:
            stop_at.append(time.monotonic() + 0.3)

    with pytest.raises(StoppedError):
        prepare(
            spec_of(corpus, replace(KEEP_ALL, tokenizer=TokenizerStep(vocab_size=30_000)), num_threads=1),
            tmp_path / "version",
            emit=emit,
            should_stop=lambda: bool(stop_at) and time.monotonic() > stop_at[0],
        )
    assert time.monotonic() - stop_at[0] < 2


def test_what_cannot_be_prepared_gets_a_sentence(tmp_path: Path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("short")
    with pytest.raises(InputError, match=r"The filter dropped all 1 documents: too short \(1\)"):
        prepare(PrepareSpec(sources=[SourceSpec(path=str(short))], num_threads=1), tmp_path / "version")
    (tmp_path / "version").mkdir()
    with pytest.raises(InputError, match="exists already"):
        prepare(PrepareSpec(sources=[SourceSpec(path=str(short))]), tmp_path / "version")
    with pytest.raises(SpecError, match="sources is empty"):
        PrepareSpec(sources=[])
    with pytest.raises(SpecError, match=r"near.threshold is 2.0; it must be from 0.4 to 0.98"):
        Recipe.from_dict({"near": {"threshold": 2}})
    with pytest.raises(SpecError, match="filter has no field min_chars"):
        Recipe.from_dict({"filter": {"min_chars": 2}})


def test_a_few_documents_still_give_every_split_something(tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text(
        "".join(
            json.dumps({"text": f"{w} is a text of its own, number {w}"}) + "\n" for w in ["abc", "defg", "hij", "klm"]
        )
    )
    version = prepare(PrepareSpec(sources=[SourceSpec(path=str(path))], num_threads=1), tmp_path / "version")
    assert [split.num_documents for split in version.manifest.splits.values()] == [2, 1, 1]
    assert any("instead of 8,192" in warning for warning in version.report()["warnings"])


def test_one_document_gives_a_warning_that_nothing_is_held_back(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("One single text that is long enough to stay.\n")
    version = prepare(
        PrepareSpec(sources=[SourceSpec(path=str(tmp_path / "one.txt"))], num_threads=1), tmp_path / "version"
    )
    assert version.manifest.splits["train"].num_documents == 1
    assert "There are too few documents for a validation split; it is empty." in version.report()["warnings"]


def test_more_labels_than_any_classifier_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"text": "some words, {i}", "id": "{i}"}}\n' for i in range(10_050)))
    spec = PrepareSpec(sources=[SourceSpec(path=str(path), label_column="id")], num_threads=1)
    with pytest.raises(InputError, match=r"more than 10,000 different labels .*'10000'"):
        prepare(spec, tmp_path / "version")


def test_as_a_job_it_ends_with_report_artifact_and_result(corpus: Corpus, tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    job.spec.write_bytes(encode_spec("prepare", spec_of(corpus, Recipe(tokenizer=SMALL), num_threads=2)))
    command = [sys.executable, "-m", "trainer", "run", str(tmp_path), "--attempt", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr[-2_000:]
    events = [decode_event(line) for line in job.attempt(1).journal.read_bytes().splitlines()]
    finished, artifact = events[-1], next(e for e in events if isinstance(e, Artifact))
    assert isinstance(finished, Finished)
    assert finished.result["content_hash"] == artifact.sha256
    assert artifact.path == "attempts/1/artifacts/version"
    report = next(e for e in events if isinstance(e, Report)).report
    assert report["totals"]["tokens"] == finished.result["num_tokens"] > 100_000
    assert (tmp_path / artifact.path / "manifest.json").exists()
