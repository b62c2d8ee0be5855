"""A model that learns from another's answers: the loss, what it gains, and which teachers are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from tests.trainer.conftest import last_checkpoint, make_documents, metric, of_kind, run_job, train_dict, write_version
from tests.trainer.data.parts.test_prepare import WORDS
from tests.trainer.training.test_resume import assert_same_end
from trainer.cli.main import main
from trainer.cli.train import train_dict as train_dict_of
from trainer.data.parts.recipe import PairsRecipe
from trainer.data.prepare import prepare
from trainer.data.recipe import TokenizerStep
from trainer.data.shards import PreparedVersion
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.events import Failed, Finished, Message, Resolved, Stopped
from trainer.inference.loading import load_model
from trainer.models.next_token import Taught, next_token_loss
from trainer.training.task import Batch
from trainer.training.teacher import Teacher, soft_loss

LARGE = {"num_layers": 2, "model_width": 64, "num_heads": 4, "context_length": 32}
SMALL = {"num_layers": 1, "model_width": 32, "num_heads": 2, "context_length": 32}
CLASSIFIER = {"objective": "classify", "num_layers": 1, "model_width": 32, "num_heads": 2}
NUM_STEPS = 100


def spec_of(version: Path, **changes: Any) -> dict[str, Any]:
    every = {"evaluation": {"every_steps": 1_000, "sample_tokens": 0, "max_batches": 0}}
    steps = {"schedule": {"num_steps": NUM_STEPS}, "checkpoint": {"every_steps": 1_000}}
    return train_dict(version, **{**every, **steps, "optimizer": {"learning_rate": 1e-2}, **changes})


@pytest.fixture(scope="module")
def teacher(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "job"
    longer = {"schedule": {"num_steps": 400}, "batch": {"sequences_per_step": 8}}
    run_job(folder, spec_of(version, model=LARGE, **longer))
    return last_checkpoint(folder)


def test_a_taught_student_is_better_than_the_same_student_alone(version: Path, teacher: Path, tmp_path: Path) -> None:
    """The next word is drawn by chance: the teacher tells the odds, the data one outcome at a time."""
    distil = {"teacher": str(teacher), "weight": 0.9, "temperature": 1.0}
    for seed in (1, 2):
        alone = run_job(tmp_path / f"alone{seed}", spec_of(version, model=SMALL, seed=seed))
        taught = run_job(tmp_path / f"taught{seed}", spec_of(version, model=SMALL, seed=seed, distil=distil))
        facts = of_kind(taught, Resolved)[0].facts["distil"]
        assert facts["num_parameters"] == sum(p.numel() for p in load_model(teacher).model.parameters())
        assert "count 90% of the loss" in of_kind(taught, Message)[0].text
        losses = [metric(events, "validation/loss")[NUM_STEPS] for events in (alone, taught)]
        assert losses[1] < losses[0] - 0.05, losses


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_fused_loss_has_the_value_and_gradient_of_the_plain_one(share: float, smoothing: float) -> None:
    torch.manual_seed(3)
    hidden, weight = torch.randn(150, 8, requires_grad=True), torch.randn(40, 8, requires_grad=True)
    theirs, their_weight = torch.randn(150, 12), torch.randn(40, 12)
    targets = torch.randint(40, (150,))
    taught = Taught(theirs, their_weight, 3.0, share)
    fused = next_token_loss(hidden, weight, targets, label_smoothing=smoothing, taught=taught)
    logits = hidden @ weight.T
    hard = F.cross_entropy(logits, targets, label_smoothing=smoothing)
    plain = (1 - share) * hard + share * soft_loss(logits, theirs @ their_weight.T, 3.0)
    assert torch.allclose(fused, plain, rtol=1e-5)
    for one, other in zip(*(torch.autograd.grad(each, [hidden, weight]) for each in (fused, plain)), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-7)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PreparedVersion:
    """Two words, and the same two the other way round."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = [{"source": f"{a} {b} {n}", "target": f"{b} {a}"} for n in range(3) for a in WORDS for b in WORDS if a != b]
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    recipe = PairsRecipe(tokenizer=TokenizerStep(vocab_size=300))
    spec = PrepareSpec(sources=[SourceSpec(path=str(folder / "pairs.jsonl"))], data_kind="pairs", recipe=recipe)
    return prepare(spec, folder / "version")


def test_a_translator_teaches_a_smaller_one(pairs: PreparedVersion, tmp_path: Path) -> None:
    """Of each next token the teacher tells the odds; filling teaches nothing. The student learns through the whole job."""
    raw = train_dict_of(data=pairs.path, family="transformer", preset="tiny", steps=8)
    raw["model"] |= {
        "num_encoder_layers": 1,
        "num_decoder_layers": 1,
        "model_width": 32,
        "num_heads": 2,
        "num_scored": 2,
    }
    raw["batch"] |= {"sequence_length": 16, "sequences_per_step": 8}
    raw["evaluation"] |= {"every_steps": 8, "max_batches": 1}
    raw["machine"] = {"device": "cpu", "dtype": "float32", "num_threads": 1}
    run_job(tmp_path / "teacher", raw)
    source = last_checkpoint(tmp_path / "teacher")
    small = {**raw, "model": {**raw["model"], "feed_forward_width": 16}, "distil": {"teacher": str(source)}}
    events = run_job(tmp_path / "student", small)
    assert of_kind(events, Finished), events[-1]

    loaded, other = load_model(source), load_model(last_checkpoint(tmp_path / "student")).model
    batch = loaded.task.batch(pairs.open_split("train"), np.arange(4))
    filled = {**batch, "target": torch.where(batch["foretold"] < 0, 7, batch["target"])}

    def loss(told: Batch, model: torch.nn.Module) -> float:
        with torch.no_grad():
            teacher = Teacher(model=model, temperature=2.0, weight=0.5)
            return float(loaded.task.distilled_loss(loaded.model, told, teacher=teacher))

    with torch.no_grad():
        hard = float(loaded.task.loss(loaded.model, batch))
    assert loss(batch, loaded.model) == pytest.approx(hard / 2, rel=1e-4)  # it says what the student says
    assert loss(batch, other) > hard / 2
    assert loss(filled, other) == pytest.approx(loss(batch, other), rel=1e-4)


def test_what_both_say_alike_costs_nothing() -> None:
    logits = torch.randn(5, 7)
    assert float(soft_loss(logits, logits + 1.0, 2.0)) == pytest.approx(0.0, abs=1e-6)  # a shift changes no answer
    teacher = Teacher(model=torch.nn.Identity(), temperature=2.0, weight=1.0)
    many = torch.randn(5, 3)
    reference = F.binary_cross_entropy_with_logits(many / 2, (many / 2).sigmoid(), reduction="none")
    other = F.binary_cross_entropy_with_logits((many + 1) / 2, (many / 2).sigmoid(), reduction="none")
    found = teacher.mixed_binary(torch.tensor(9.0), many + 1, many)
    assert torch.allclose(found, 4 * (other - reference).mean(), rtol=1e-4)


def test_a_classifier_learns_from_another_alone(version: Path, tmp_path: Path) -> None:
    """With all of the loss from the teacher no label of the data counts, and still they are learnt."""
    run_job(tmp_path / "teacher", spec_of(version, family="bert", model=CLASSIFIER, schedule={"num_steps": 40}))
    distil = {"teacher": str(last_checkpoint(tmp_path / "teacher")), "weight": 1.0}
    small = {**CLASSIFIER, "model_width": 16, "num_heads": 1}
    events = run_job(tmp_path / "student", spec_of(version, family="bert", model=small, distil=distil))
    assert of_kind(events, Finished)[0].result["test"]["accuracy"] > 0.95


@pytest.mark.parametrize("family", ["gpt", "bert", "masked"])
def test_a_taught_run_resumes_to_the_bit(version: Path, tmp_path: Path, family: str) -> None:
    models = {"gpt": SMALL, "bert": CLASSIFIER, "masked": {**CLASSIFIER, "objective": "masked"}}
    common = {"family": family.replace("masked", "bert"), "model": models[family]}
    run_job(tmp_path / "teacher", spec_of(version, **common, schedule={"num_steps": 5}))
    quick = {"schedule": {"num_steps": 12, "warmup_steps": 3}, "checkpoint": {"every_steps": 3}}
    distil = {"teacher": str(last_checkpoint(tmp_path / "teacher"))}
    raw = spec_of(version, **common, **quick, regularisation={"dropout": 0.2}, distil=distil)
    run_job(tmp_path / "whole", raw)
    assert isinstance(run_job(tmp_path / "parts", raw, stop_at_step=5)[-1], Stopped)
    run_job(tmp_path / "parts", raw, fence=2, resume_from=[last_checkpoint(tmp_path / "parts")])
    assert_same_end(tmp_path / "whole", 1, tmp_path / "parts", 2)


def test_teachers_that_answer_other_questions_are_refused(version: Path, teacher: Path, tmp_path: Path) -> None:
    other = write_version(tmp_path / "other", make_documents(600), label_names=["kitchen", "weather"])
    words = write_version(tmp_path / "words", [("entirely different words " * 9, n % 2) for n in range(100)])

    def refusal(data: Path, taught_by: Path, **changes: Any) -> str:
        number = len(list(tmp_path.iterdir()))
        events = run_job(tmp_path / f"refused{number}", spec_of(data, distil={"teacher": str(taught_by)}, **changes))
        return str(of_kind(events, Failed)[0].sentence)

    run_job(tmp_path / "bert", spec_of(version, family="bert", model=CLASSIFIER, schedule={"num_steps": 2}))
    bert = last_checkpoint(tmp_path / "bert")
    assert "family gpt, and this run's is bert" in refusal(version, teacher, family="bert", model=CLASSIFIER)
    assert "another tokenizer" in refusal(words, teacher, model=SMALL)
    assert "in another order" in refusal(other, bert, family="bert", model=CLASSIFIER)
    masked = {**CLASSIFIER, "objective": "masked"}
    assert "model.objective is masked" in refusal(version, bert, family="bert", model=masked)
    longer = {"model": {**SMALL, "context_length": 64}, "batch": {"sequence_length": 64}}
    assert "sees at most 32 tokens" in refusal(version, teacher, **longer)
    assert "neither a checkpoint nor a job folder" in refusal(version, tmp_path / "nowhere", model=SMALL)


def test_a_family_that_no_teacher_is_for_is_refused(version: Path, teacher: Path, tmp_path: Path) -> None:
    raw = {**spec_of(version, family="bow", distil={"teacher": str(teacher)}), "model": {"width": 8}}
    assert "learns from no teacher" in of_kind(run_job(tmp_path, raw), Failed)[0].sentence


def test_the_command_line_names_a_teacher(version: Path, teacher: Path, tmp_path: Path) -> None:
    command = [
        "train",
        "--data",
        str(version),
        "--preset",
        "nano",
        "--steps",
        "2",
        "--teacher",
        str(teacher.parents[3]),
    ]
    quick = ["machine.num_threads=1", "machine.dtype=float32", "machine.compile=off", "batch.sequence_length=16"]
    more = [f"--set={setting}" for setting in [*quick, "evaluation.sample_tokens=0", "distil.temperature=4"]]
    assert main([*command, "--out", str(tmp_path / "job"), *more]) == 0
    spec = load_model(last_checkpoint(tmp_path / "job")).task.spec
    assert (spec.distil.temperature, Path(spec.distil.teacher)) == (4, teacher)
