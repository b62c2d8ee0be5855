"""What a setting is worth: the same run without it, from the same seed, compared on the same test pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from tests.factories import Cast
from tests.trainer.data.images.pictures import encoded, zip_of
from tests.webapp.registry.test_services import files  # noqa: F401
from tests.webapp.registry.test_whole_way import do_next_job
from tests.webapp.runs.rows import make_run, make_version
from trainer.data.images.prepare import prepare
from trainer.data.images.recipe import ImageRecipe
from trainer.data.prepare import prepare as prepare_text
from trainer.data.recipe import Recipe
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.models.bert.spec import BertSpec
from trainer.models.vision.spec import VisionSpec
from trainer.sections import (
    BatchSpec,
    CheckpointSpec,
    DataSpec,
    EvaluationSpec,
    MachineSpec,
    OptimizerSpec,
    ScheduleSpec,
)
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Job, Worker
from webapp.registry.ablation_result import Effect, ablation_result, effects_of, measured_levers
from webapp.registry.ablations import ablation_create, settings_of
from webapp.registry.errors import RegistryError
from webapp.registry.models import Ablation
from webapp.runs.models import Run
from webapp.runs.services import run_create

pytestmark = pytest.mark.django_db
SIDE = 16


def stripes(folder: Path, cast: Cast) -> DatasetVersion:
    """Return prepared pictures whose class is which way their stripes run: turning them about does not change it."""
    chance = np.random.default_rng(1)
    members = {}
    for number in range(160):
        wave = np.sin(np.arange(SIDE) * chance.uniform(0.8, 1.4) + chance.uniform(0, 6))
        plane = np.tile(wave, (SIDE, 1)) if number % 2 else np.tile(wave[:, None], (1, SIDE))
        pixels = (128 + 70 * plane + chance.normal(0, 15, (SIDE, SIDE))).clip(0, 255).astype(np.uint8)
        members[f"{'upright' if number % 2 else 'lying'}/{number}.png"] = encoded(Image.fromarray(pixels))
    recipe = ImageRecipe.from_dict(
        {"resize": {"side": SIDE, "channels": "grey"}, "split": {"test_fraction": 0.3}, "duplicates": {"near": False}}
    )
    source = SourceSpec(path=str(zip_of(folder / "stripes.zip", members)))
    manifest, _ = prepare(
        PrepareSpec(sources=[source], data_kind="images", recipe=recipe), folder / "versions" / "stripes"
    )
    splits = {name: {"documents": split.num_documents, "tokens": 0} for name, split in manifest.splits.items()}
    return make_version(
        cast, stored_path="versions/stripes", content_hash=manifest.content_hash, vocab_size=0, data_kind="images",
        splits=splits, facts={**manifest.facts, "num_labels": 2},
    )  # fmt: skip


def image_run(cast: Cast, version: DatasetVersion) -> Run:
    spec = TrainSpec(
        family="vision",
        model=VisionSpec(width_fraction=0.06, flip=True, shift_fraction=0.0, colour_fraction=0.3),
        data=DataSpec(path=str(version.path)),
        batch=BatchSpec(sequence_length=1, sequences_per_step=16),
        optimizer=OptimizerSpec(learning_rate=3e-3),
        schedule=ScheduleSpec(num_steps=12, warmup_steps=2),
        evaluation=EvaluationSpec(every_steps=12, sample_tokens=0),
        checkpoint=CheckpointSpec(every_steps=12),
        machine=MachineSpec(device="cpu", dtype="float32", compile="off", num_threads=1),
    )
    return run_create(project=cast.project, created_by=cast.bob, version=version, spec=spec, name="stripes")


def test_worth_of_augmentation_from_the_button_to_the_interval(cast: Cast, files: Path) -> None:  # noqa: F811
    worker = Worker.objects.create(name="w", host="h", queue="cpu")
    run = image_run(cast, stripes(files, cast))
    do_next_job(worker)
    run = Run.objects.get(pk=run.pk)
    client = cast.client(cast.bob)
    page = client.get(reverse("run-ablate", args=[run.code]), {"what": "augmentation"})
    assert "Measure what augmentation is worth" in page.content.decode()
    answer = client.post(reverse("run-ablate", args=[run.code]), {"what": "augmentation", "num_seeds": "1"})
    ablation = Ablation.objects.get()
    assert answer.url == ablation.get_absolute_url()
    pair = ablation.pairs.get()
    assert pair.before == run
    assert ablation.changes == {"model.flip": False, "model.colour_fraction": 0.0}  # what was off already is no change
    differ = {name for name, value in settings_of(pair.after).items() if settings_of(run).get(name) != value}
    assert differ - {name for name in differ if name.startswith("machine.")} == set(ablation.changes)
    assert pair.after.spec["seed"] == run.spec["seed"]
    assert pair.after.dataset_version == run.dataset_version
    assert "not done yet" in client.get(ablation.get_absolute_url()).content.decode()
    do_next_job(worker)
    result = ablation_result(ablation)
    assert result.is_done
    main = result.main
    assert main is not None
    assert main.name == "accuracy"
    after = Run.objects.get(pk=pair.after.pk)
    assert main.difference == pytest.approx(run.test_metrics["accuracy"] - after.test_metrics["accuracy"])
    assert main.low is not None
    assert main.low <= main.difference <= main.high  # type: ignore[operator]
    assert result.with_it is not None
    assert result.with_it.seconds > 0
    text = client.get(ablation.get_absolute_url()).content.decode()
    assert 'data-effect="accuracy"' in text
    assert "What it costs" in text
    assert ablation.get_absolute_url() in client.get(run.get_absolute_url()).content.decode()
    assert [each.ablation for each in measured_levers(cast.project)] == [ablation]


def test_same_settings_and_unknown_ones_are_refused_with_a_sentence(cast: Cast) -> None:
    run = make_run(cast, state="succeeded")
    with pytest.raises(RegistryError, match="nothing to compare"):
        ablation_create(run=run, title="", changes={"optimizer.beta1": 0.9}, num_seeds=1, created_by=cast.bob)
    with pytest.raises(RegistryError, match=r"no setting “optimizer\.speed”"):
        ablation_create(run=run, title="", changes={"optimizer.speed": 2}, num_seeds=1, created_by=cast.bob)
    client = cast.client(cast.bob)
    for given, sentence in (
        ({"setting": "optimizer.beta1", "value": "fast"}, "no value"),
        ({"setting": "optimizer.beta1", "value": "7"}, "optimizer.beta1 is 7"),
        ({"setting": "optimizer.beta1", "value": "0.8", "num_seeds": "9"}, "from 1 to 5"),
    ):
        answer = client.post(reverse("run-ablate", args=[run.code]), given)
        assert answer.status_code == 422
        assert sentence in answer.content.decode()
    assert not Ablation.objects.exists()


def test_any_setting_of_any_family_with_several_seeds(cast: Cast) -> None:
    run = make_run(cast, state="succeeded")
    ablation = ablation_create(
        run=run, title="momentum", changes={"optimizer.beta1": 0.8}, num_seeds=2, created_by=cast.bob
    )
    first, second = ablation.pairs.all()
    assert first.before == run
    assert {second.before.spec["seed"], second.after.spec["seed"]} == {run.spec["seed"] + 1}
    assert second.after.spec["optimizer"]["beta1"] == 0.8
    assert second.before.spec["optimizer"]["beta1"] == 0.9
    for pair, before, after in ((first, 1.0, 1.2), (second, 1.1, 1.2)):
        for each, loss in ((pair.before, before), (pair.after, after)):
            Job.objects.filter(pk=each.latest_job_id, ended_at=None).update(state="succeeded", ended_at=timezone.now())
            Run.objects.filter(pk=each.pk).update(test_metrics={"loss": loss, "step": 10})
    (effect,) = effects_of(list(ablation.pairs.all()))
    assert effect.difference == pytest.approx(-0.15)
    half = 12.7062 * 0.0707107 / 2**0.5  # Student's t with one degree of freedom, times the error of the mean
    assert (effect.low, effect.high) == pytest.approx((-0.15 - half, -0.15 + half), rel=1e-4)
    assert effect.verdict == "unclear"


def test_verdict_knows_which_way_a_measure_is_good() -> None:
    better = {"with_it": 0.9, "without": 0.8, "low": 0.05, "high": 0.15, "num_seeds": 1}
    assert Effect(name="accuracy", **better).verdict == "better"
    assert Effect(name="map50_95", **better).verdict == "better"
    assert Effect(name="loss", **better).verdict == "worse"
    assert Effect(name="loss", with_it=1, without=2, low=None, high=None, num_seeds=1).verdict == ""


KIND, RUDE = "good = fine = kind = lovely", "bad = awful = nasty = poor"


def tickets(folder: Path, cast: Cast) -> DatasetVersion:
    """Return prepared texts of few words, each with copies in which the telling word is exchanged for another."""
    chance = np.random.default_rng(3)
    things = ["food", "room", "view", "price", "staff", "garden"]
    rows = []
    for number in range(240):
        label = number % 2
        word = (RUDE if label else KIND).split(" = ")[0 if chance.random() < 0.7 else chance.integers(1, 4)]
        rows.append(
            {"text": f"the {chance.choice(things)} {number} was {word} today", "label": ["kind", "rude"][label]}
        )
    (folder / "tickets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = Recipe.from_dict(
        {
            "filter": {"enabled": False}, "near": {"enabled": False}, "tokenizer": {"vocab_size": 320},
            "split": {"validation_fraction": 0.1, "test_fraction": 0.4},
            "augment": {"copies": 3, "noise_fraction": 0.0, "synonym_fraction": 1.0, "synonyms": f"{KIND}\n{RUDE}"},
        }
    )  # fmt: skip
    source = SourceSpec(path=str(folder / "tickets.jsonl"), label_column="label")
    made = prepare_text(PrepareSpec(sources=[source], recipe=recipe, num_threads=1), folder / "versions" / "tickets")
    manifest = made.manifest
    splits = {
        name: {"documents": split.num_documents, "tokens": split.num_tokens} for name, split in manifest.splits.items()
    }
    return make_version(
        cast, stored_path="versions/tickets", content_hash=manifest.content_hash, vocab_size=manifest.vocab_size,
        splits=splits, facts={**manifest.facts, "num_labels": 2}, report=made.report(),
    )  # fmt: skip


def test_worth_of_copies_of_texts_by_one_button(cast: Cast, files: Path) -> None:  # noqa: F811
    worker = Worker.objects.create(name="w", host="h", queue="cpu")
    version = tickets(files, cast)
    spec = TrainSpec(
        family="bert",
        model=BertSpec(form="modern", num_layers=1, model_width=32, norm_eps=1e-5),
        data=DataSpec(path=str(version.path)),
        batch=BatchSpec(sequence_length=32, sequences_per_step=32),
        optimizer=OptimizerSpec(learning_rate=1e-2),
        schedule=ScheduleSpec(num_steps=12, warmup_steps=2),
        evaluation=EvaluationSpec(every_steps=12, sample_tokens=0),
        checkpoint=CheckpointSpec(every_steps=12),
        machine=MachineSpec(device="cpu", dtype="float32", compile="off", num_threads=1),
    )
    run = run_create(project=cast.project, created_by=cast.bob, version=version, spec=spec, name="tickets")
    do_next_job(worker)
    run = Run.objects.get(pk=run.pk)
    client = cast.client(cast.bob)
    assert "Measure what text augmentation is worth" in client.get(run.get_absolute_url()).content.decode()
    client.post(reverse("run-ablate", args=[run.code]), {"what": "text augmentation", "num_seeds": "1"})
    ablation = Ablation.objects.get()
    assert ablation.changes == {"data.copies": False}
    pair = ablation.pairs.get()
    assert pair.after.spec["data"] == {**run.spec["data"], "copies": False}
    do_next_job(worker)
    main = ablation_result(ablation).main
    assert main is not None
    assert main.name == "accuracy"  # the loss has no interval; of the measures that have one the report's first is told
    assert main.low is not None
    assert main.low <= main.difference <= main.high  # type: ignore[operator]
    text = client.get(ablation.get_absolute_url()).content.decode()
    assert "Making the copies took" in text
    assert 'data-cost="with"' in text
