"""The encoder-decoder Transformer: its size, its two ways to decode, and that it learns what it is shown."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from economics.architecture.encoder_decoder import EncoderDecoder
from tests.trainer.conftest import last_checkpoint, metric, of_kind, run_job
from trainer.data.parts.recipe import PairsRecipe
from trainer.data.prepare import prepare
from trainer.data.recipe import AugmentStep, SplitStep, TokenizerStep
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.events import Evaluation
from trainer.inference.loading import load_model
from trainer.inference.operations.translate import SearchSettings
from trainer.metrics.report import read_report
from trainer.models.transformer.model import Transformer
from trainer.models.transformer.search import beam_search
from trainer.models.transformer.spec import FAMILY, TransformerSpec
from trainer.spec import spec_from_dict
from trainer.training.assets import Assets
from trainer.training.task import make_task

VOCAB_SIZE = 37_000


def architecture(spec: TransformerSpec, vocab_size: int) -> EncoderDecoder:
    return EncoderDecoder(
        num_encoder_layers=spec.num_encoder_layers, num_decoder_layers=spec.num_decoder_layers,
        model_width=spec.model_width, num_heads=spec.num_heads, feed_forward_width=spec.width_of_feed_forward,
        vocabulary_size=vocab_size, bias=True, norm="layer", norms=spec.norms, positions=spec.positions,
        context_length=spec.context_length, tied_embeddings=spec.tied_embeddings,
    )  # fmt: skip


SPECS = {
    **FAMILY.presets,
    "learned": TransformerSpec(positions="learned", norms="post", num_decoder_layers=2),
    "untied": TransformerSpec(tied_embeddings=False, feed_forward_width=100),
}


@pytest.mark.parametrize("name", SPECS)
def test_parameters_equal_the_formula(name: str) -> None:
    with torch.device("meta"):
        model = Transformer(SPECS[name], vocab_size=VOCAB_SIZE)
    parts = architecture(SPECS[name], VOCAB_SIZE).parameters()
    assert sum(p.numel() for p in model.parameters()) == parts.total
    assert model.parameters_by_part()["cross_attention"] == parts.by_part["cross_attention"]


@pytest.fixture(params=["pre", "post"])
def tiny(request: pytest.FixtureRequest) -> Transformer:
    torch.manual_seed(2)
    positions: Any = "learned" if request.param == "post" else "sinusoidal"
    spec = TransformerSpec(
        num_encoder_layers=2, num_decoder_layers=2, model_width=32, num_heads=4, context_length=16,
        norms=request.param, positions=positions,
    )  # fmt: skip
    return Transformer(spec, vocab_size=24).eval()


def batch_of(*rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    source = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[True] * len(row) + [False] * (longest - len(row)) for row in rows])
    return source, mask


@torch.no_grad()
def test_step_by_step_is_all_at_once(tiny: Transformer) -> None:
    source, mask = batch_of([3, 4, 5, 6, 0], [7, 0])
    target = torch.tensor([[0, 9, 10, 11], [0, 12, 13, 14]])
    whole = tiny(source, mask, target)
    state = tiny.begin(source, mask)
    for place in range(4):
        assert torch.allclose(tiny.step(target[:, place], state), whole[:, place], atol=1e-5)


@torch.no_grad()
def test_filling_changes_nothing(tiny: Transformer) -> None:
    target = torch.tensor([[0, 12, 13]])
    alone = tiny(*batch_of([7, 8, 0]), target)
    source, mask = batch_of([3, 4, 5, 6, 9, 10, 0], [7, 8, 0])
    together = tiny(source, mask, target.expand(2, -1))[1:]
    assert torch.allclose(alone, together, atol=1e-5)


@torch.no_grad()
def log_probability(model: Transformer, source: list[int], written: list[int]) -> float:
    found, mask = batch_of(source)
    target = torch.tensor([[0, *written]])
    logits = model(found, mask, target).log_softmax(dim=-1)[0]
    return float(sum(logits[i, token] for i, token in enumerate([*written, 0])))


def test_a_wide_beam_finds_the_most_probable_text(tiny: Transformer) -> None:
    """With as many beams as there are texts of two tokens the search is exhaustive: compare with trying them all."""
    source = [3, 4, 5, 0]
    settings: dict[str, Any] = {"end": 0, "num_tokens": 3, "length_penalty": 0.0}
    found = beam_search(tiny, *batch_of(source), num_beams=600, **settings)[0]
    texts = [[], *([a] for a in range(1, 24)), *([a, b] for a in range(1, 24) for b in range(1, 24))]
    best = max(texts, key=lambda text: log_probability(tiny, source, text))
    finished = [each for each in found if len(each.tokens) <= 2]
    assert finished[0].tokens == best
    assert finished[0].log_probability == pytest.approx(log_probability(tiny, source, best), abs=1e-4)


def test_sources_do_not_disturb_one_another_in_a_search(tiny: Transformer) -> None:
    settings: dict[str, Any] = {"end": 0, "num_beams": 3, "num_tokens": 8, "length_penalty": 0.6}
    rows = [[3, 4, 5, 6, 0], [7, 0], [9, 9, 9, 0]]
    together = beam_search(tiny, *batch_of(*rows), **settings)
    for row, found in zip(rows, together, strict=True):
        alone = beam_search(tiny, *batch_of(row), **settings)[0]
        assert [each.tokens for each in alone] == [each.tokens for each in found]


def test_sides_that_are_too_long_are_told(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"source": "a " * (1 + number), "target": "b " * (1 + number % 7)} for number in range(60)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    spec = PrepareSpec(sources=[SourceSpec(path=str(path))], data_kind="pairs", recipe=PairsRecipe())
    version = prepare(spec, tmp_path / "version")
    split = version.open_split("train")
    raw = {
        "kind": "train", "family": "transformer", "model": {"context_length": 16}, "data": {"path": str(version.path)},
        "batch": {"sequence_length": 16}, "schedule": {"num_steps": 1},
    }  # fmt: skip
    made: Any = make_task(spec_from_dict(raw)[1], Assets.of_version(version))
    num_long = sum(max(len(part.tokens) for part in split.parts(i)) > 15 for i in range(split.num_documents))
    assert 0 < num_long < split.num_documents
    assert made.cut_short(split).startswith(
        f"{num_long:,} of {split.num_documents:,} pairs have a side of more than 15"
    )


def by_lists(model: Transformer, source: list[int], num_beams: int, num_tokens: int, exponent: float) -> list[Any]:
    """Beam search as its definition says, without batches or memory of what was read: every text is read anew."""
    open_: list[tuple[float, list[int]]] = [(0.0, [])]
    done: list[tuple[float, list[int]]] = []
    found, mask = batch_of(source)
    for length in range(1, num_tokens + 1):
        grown = []
        for total, text in open_:
            with torch.no_grad():
                odds = model(found, mask, torch.tensor([[0, *text]])).log_softmax(dim=-1)[0, -1].tolist()
            grown += [(total + odds[token], text, token) for token in range(len(odds))]
        grown.sort(key=lambda each: -each[0])
        done += [
            (total / ((5 + length) / 6) ** exponent, text) for total, text, token in grown[:num_beams] if token == 0
        ]
        open_ = [(total, [*text, token]) for total, text, token in grown if token != 0][:num_beams]
    return sorted(done, key=lambda each: -each[0])[:num_beams]


@pytest.mark.parametrize("exponent", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("num_beams", [2, 3, 5])
def test_a_search_is_what_its_definition_says(tiny: Transformer, num_beams: int, exponent: float) -> None:
    with torch.no_grad():
        tiny.token_embedding.weight[0] *= 2.5  # so that many texts end, at different lengths
    rows = [[3, 4, 5, 0], [7, 9, 0], [11, 0], [13, 14, 0]]
    settings: dict[str, Any] = {"end": 0, "num_beams": num_beams, "num_tokens": 7, "length_penalty": exponent}
    searched = beam_search(tiny, *batch_of(*rows), **settings)
    best_alone = beam_search(tiny, *batch_of(*rows), num_wanted=1, **settings)
    for row, found, best in zip(rows, searched, best_alone, strict=True):
        wanted = by_lists(tiny, row, num_beams, 7, exponent)
        assert wanted, "the test wants texts that end"
        assert [each.tokens for each in found] == [text for _, text in wanted]
        assert [each.score for each in found] == pytest.approx([score for score, _ in wanted], abs=1e-4)
        assert best[0].tokens == wanted[0][1]


def test_one_beam_takes_the_likeliest_token_until_the_end(tiny: Transformer) -> None:
    with torch.no_grad():
        tiny.token_embedding.weight[0] *= 2.5
    for row in ([3, 4, 5, 0], [7, 9, 0], [11, 0]):
        text: list[int] = []
        while len(text) < 10:
            with torch.no_grad():
                token = int(tiny(*batch_of(row), torch.tensor([[0, *text]]))[0, -1].argmax())
            if token == 0:
                break
            text.append(token)
        found = beam_search(tiny, *batch_of(row), end=0, num_beams=1, num_tokens=10, length_penalty=2.0)[0]
        assert [each.tokens for each in found] == [text]


# ---- learning


def reversal(chance: random.Random) -> tuple[str, str]:
    word = "".join(chance.choice("abcdef") for _ in range(chance.randint(2, 5)))
    return word, word[::-1]


def addition(chance: random.Random) -> tuple[str, str]:
    a, b = chance.randint(0, 99), chance.randint(0, 99)
    return " ".join(f"{a}+{b}"), " ".join(str(a + b))


MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip


def date(chance: random.Random) -> tuple[str, str]:
    year, month, day = chance.randint(1900, 2099), chance.randint(1, 12), chance.randint(1, 28)
    return f"{MONTHS[month - 1]} {day}, {year}", f"{year}-{month:02d}-{day:02d}"


KANA = {
    "か": "ka", "き": "ki", "く": "ku", "さ": "sa", "し": "shi", "す": "su", "た": "ta", "ち": "chi", "つ": "tsu", "な": "na",
    "に": "ni", "ま": "ma", "み": "mi", "ら": "ra", "り": "ri",
}  # fmt: skip


def romanised(chance: random.Random) -> tuple[str, str]:
    """Kana to Latin letters, where っ doubles the consonant behind it."""
    source, target = "", ""
    for _ in range(chance.randint(2, 5)):
        kana = chance.choice(list(KANA))
        if source and chance.random() < 0.2:
            source, target = f"{source}っ", f"{target}{KANA[kana][0]}"
        source, target = source + kana, target + KANA[kana]
    return " ".join(source), " ".join(target)


Maker = Callable[[random.Random], tuple[str, str]]


def learnt(
    folder: Path, make: Maker, *, count: int, steps: int, preset: str = "tiny", rate: float = 2e-3, **model: Any
) -> Any:
    """Prepare pairs, train on them, and return the report of the test split."""
    chance = random.Random(5)
    pairs = sorted({make(chance) for _ in range(count)})
    chance.shuffle(pairs)
    folder.mkdir(parents=True)
    with open(folder / "pairs.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("source", "target"), *pairs])
    recipe = PairsRecipe(
        tokenizer=TokenizerStep(vocab_size=257), split=SplitStep(validation_fraction=0.05, test_fraction=0.1)
    )
    spec = PrepareSpec(sources=[SourceSpec(path=str(folder / "pairs.csv"))], data_kind="pairs", recipe=recipe)
    prepare(spec, folder / "version")
    settings = {"num_encoder_layers": 2, "num_decoder_layers": 2, "model_width": 64, "num_heads": 4, **model}
    raw = {
        "kind": "train", "family": "transformer", "model": {**settings, "context_length": 40, "num_beams": 1},
        "data": {"path": str(folder / "version")}, "batch": {"sequence_length": 40, "sequences_per_step": 64},
        "optimizer": {"learning_rate": rate, "beta2": 0.98, "weight_decay": 0.01},
        "schedule": {"num_steps": steps, "warmup_steps": min(100, steps // 5), "final_fraction": 0.02},
        "evaluation": {"every_steps": max(steps, 1), "sample_tokens": 0}, "checkpoint": {"every_steps": max(steps, 1)},
        "machine": {"device": "cpu", "dtype": "float32", "compile": "off", "num_threads": 1},
    }  # fmt: skip
    run_job(folder / "job", raw)
    return read_report(folder / "job/attempts/1/artifacts/evaluation-test.json")


def exact(report: Any) -> float:
    return float(report.values()["exact"])


def test_words_are_reversed(tmp_path: Path) -> None:
    report = learnt(tmp_path / "run", reversal, count=4_000, steps=700)
    assert exact(report) >= 0.99
    assert report.values()["chrf"] > 99
    loaded = load_model(last_checkpoint(tmp_path / "run/job"), device="cpu")
    told = loaded.task.translate(loaded.model, "abcfe", SearchSettings(num_beams=4))
    assert told["text"] == "efcba"
    assert len(told["alternatives"]) == 4
    drawn = loaded.task.translate(loaded.model, "abcfe", SearchSettings(temperature=0.3, seed=4))
    assert drawn["text"] == "efcba"
    assert loaded.task.answers(loaded.model, ["fa", "bcd"])[1]["written"] == "dcb"
    assert copies_by(tmp_path / "run/job", tmp_path) == {"abcfe": "efcba", "fade": "edaf", "x1": "x1"}


def copies_by(model: Path, folder: Path) -> dict[str, str]:
    """Prepare texts with copies that the model wrote of them; return each text's copy, or the text where there is none."""
    texts = ["abcfe", "fade", "x1"]  # the last is not what the model can say otherwise
    (folder / "texts.csv").write_text("source,target\n" + "".join(f"{text},t{i}\n" for i, text in enumerate(texts)))
    recipe = PairsRecipe(
        tokenizer=TokenizerStep(vocab_size=257), split=SplitStep(validation_fraction=0, test_fraction=0),
        augment=AugmentStep(copies=1, noise_fraction=0, paraphraser=str(model)),
    )  # fmt: skip
    source = SourceSpec(path=str(folder / "texts.csv"))
    made = prepare(PrepareSpec(sources=[source], data_kind="pairs", recipe=recipe), folder / "copied")
    split, decode = made.open_split("train"), made.tokenizer().decode
    found = [[decode(part.tokens.tolist()) for part in split.parts(i)] for i in range(split.num_documents)]
    return {text: next((s for s, t in found if t == f"t{i}" and s != text), text) for i, text in enumerate(texts)}


@pytest.mark.long
@pytest.mark.parametrize(
    ("make", "count", "steps"), [(addition, 9_000, 4_000), (date, 8_000, 2_000), (romanised, 12_000, 800)]
)
@pytest.mark.timeout(900)
def test_exact_tasks_are_learnt(make: Maker, count: int, steps: int, tmp_path: Path) -> None:
    report = learnt(tmp_path / "run", make, count=count, steps=steps, model_width=128)
    assert exact(report) >= 0.99


def test_a_run_that_stopped_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    learnt(tmp_path / "run", reversal, count=300, steps=0)
    from trainer.folder import JobFolder
    from trainer.spec import decode_spec, spec_to_dict

    raw = spec_to_dict(*decode_spec(JobFolder(tmp_path / "run/job").spec.read_bytes()))
    raw = {
        **raw,
        "schedule": {"num_steps": 8},
        "evaluation": {"every_steps": 4, "sample_tokens": 0},
        "checkpoint": {"every_steps": 2},
    }
    raw["regularisation"] = {"dropout": 0.1}
    whole = run_job(tmp_path / "whole", raw)
    run_job(tmp_path / "cut", raw, stop_at_step=3)
    rest = run_job(tmp_path / "cut", raw, fence=2, resume_from=[last_checkpoint(tmp_path / "cut")])
    assert metric(rest, "train/loss")[8] == metric(whole, "train/loss")[8]
    assert of_kind(rest, Evaluation)[-1].metrics == of_kind(whole, Evaluation)[-1].metrics
