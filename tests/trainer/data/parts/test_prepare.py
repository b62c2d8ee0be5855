"""Documents of parts go through the preparation of text and come out part by part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from trainer.data.kinds import get_data_kind
from trainer.data.parts.recipe import PairsRecipe
from trainer.data.parts.store import PartsSplit
from trainer.data.prepare import prepare
from trainer.data.recipe import RedactStep, SplitStep, TokenizerStep
from trainer.data.shards import PreparedVersion
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.data.trial import try_recipe

WORDS = ["salt", "bread", "butter", "面包", "spoon", "soup", "今天", "plate"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    rows = [
        {"source": f"{a} {b} {n}", "target": f"{b} {a} mail{n}@example.org"}
        for n in range(3)
        for a in WORDS
        for b in WORDS
        if a != b
    ]
    rows += [{"source": rows[0]["source"], "target": "another side of the same"}, rows[1]]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def version(table: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedVersion:
    recipe = PairsRecipe(
        tokenizer=TokenizerStep(vocab_size=300), split=SplitStep(validation_fraction=0.2, test_fraction=0.2)
    )
    spec = PrepareSpec(sources=[SourceSpec(path=str(table))], data_kind="pairs", recipe=recipe)
    return prepare(spec, tmp_path_factory.mktemp("version") / "version")


def texts(version: PreparedVersion, split: PartsSplit) -> list[tuple[str, str]]:
    decode = version.tokenizer().decode
    pairs = []
    for number in range(split.num_documents):
        source, target = split.parts(number)
        assert (source.role, target.role) == ("source", "target")
        pairs.append((decode(source.tokens.tolist()), decode(target.tokens.tolist())))
    return pairs


def test_both_sides_come_out_as_they_went_in(version: PreparedVersion, table: Path) -> None:
    version.verify()
    assert version.manifest.data_kind == "pairs"
    found = {name: texts(version, version.open_split(name)) for name in version.manifest.splits}
    wanted = {(row["source"], row["target"]) for row in map(json.loads, table.read_text(encoding="utf-8").splitlines())}
    masked = {
        (source, "".join([target.split(" mail")[0], " <EMAIL>"]) if "@" in target else target)
        for source, target in wanted
    }
    assert {pair for pairs in found.values() for pair in pairs} == masked
    sources = [{source for source, _ in pairs} for pairs in found.values()]
    assert not sources[0] & sources[1] | sources[0] & sources[2] | sources[1] & sources[2]
    assert all(sources)


def test_no_token_reaches_over_a_border(version: PreparedVersion) -> None:
    split = version.open_split("train")
    end = version.tokenizer().end_of_text_id
    for number in range(split.num_documents):
        parts = np.concatenate([part.tokens for part in split.parts(number)])
        assert split.document(number).tolist() == [*parts.tolist(), end]


def test_the_report_and_the_trial_show_roles(version: PreparedVersion, table: Path) -> None:
    assert all(sample["text"].startswith("[source] ") for sample in version.report()["samples"])
    trial = try_recipe([str(table)], PairsRecipe(redact=RedactStep(email=False)), num_documents=20)
    assert trial.documents[0].before.startswith("[source] ")
    assert not trial.error


def test_a_recipe_is_of_its_kind() -> None:
    for name in ("pairs", "chats", "preferences"):
        recipe = get_data_kind(name).recipe_type()
        assert get_data_kind(name).recipe_type.from_dict(recipe.to_dict()) == recipe
