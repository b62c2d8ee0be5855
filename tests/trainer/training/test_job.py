"""A whole run and every way it can end."""

from __future__ import annotations

import math
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import (
    last_checkpoint,
    make_documents,
    metric,
    of_kind,
    run_job,
    train_dict,
    write_version,
)
from trainer.events import (
    AnyEvent,
    Checkpoint,
    CheckpointRemoved,
    Evaluation,
    Failed,
    Finished,
    Message,
    Resolved,
    Sample,
    Started,
    Stopped,
)
from trainer.training.checkpoint import PINNED, verify_checkpoint
from trainer.training.documents import documents_seen


def failed(events: list[AnyEvent]) -> Failed:
    assert isinstance(events[-1], Failed), events[-1]
    return events[-1]


def finished(events: list[AnyEvent]) -> Finished:
    assert isinstance(events[-1], Finished), events[-1]
    return events[-1]


def test_loss_falls_and_every_event_is_there(version: Path, tmp_path: Path) -> None:
    raw = train_dict(version, schedule={"num_steps": 120, "warmup_steps": 10}, evaluation={"every_steps": 30})
    events = run_job(tmp_path / "job", raw)
    result = finished(events).result
    losses = metric(events, "train/loss")
    assert list(losses) == list(range(1, 121))
    assert losses[1] == pytest.approx(math.log(320), abs=0.3)
    assert sum(list(losses.values())[-10:]) / 10 < losses[1] - 1.5  # type: ignore[arg-type, operator]
    assert isinstance(events[0], Started)
    facts = of_kind(events, Resolved)[0].facts
    assert sum(facts["parameters_by_part"].values()) == facts["num_parameters"]
    assert list(metric(events, "validation/loss")) == [30, 60, 90, 120]
    assert [event.step for event in of_kind(events, Sample)] == [30, 60, 90, 120]
    assert {event.split for event in of_kind(events, Evaluation)} == {"validation", "test"}
    assert result["best_step"] == min(metric(events, "validation/loss").items(), key=lambda item: item[1])[0]  # type: ignore[arg-type, return-value]
    assert 10**7 < result["peak_memory_bytes"] < 10**11
    for key in ("train/tokens_per_second", "time/seconds", "system/memory_bytes", "system/cpu_fraction"):
        assert all(value is not None and value >= 0 for value in metric(events, key).values()), key


def test_evaluations_agree_with_their_definitions(version: Path, tmp_path: Path) -> None:
    events = run_job(tmp_path / "job", train_dict(version))
    metrics = of_kind(events, Evaluation)[0].metrics
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["loss"]))
    bits = metrics["loss"] * metrics["num_tokens"] / math.log(2)
    assert metrics["bits_per_byte"] == pytest.approx(bits / metrics["num_bytes"])
    whole = sum(len(text.encode()) for n, (text, _) in enumerate(make_documents(600)) if n // 2 % 10 == 8)
    assert whole - 20 < metrics["num_bytes"] <= whole  # all but what the first token of the split stands for


def test_micro_batches_give_the_same_run_to_rounding(version: Path, tmp_path: Path) -> None:
    whole = run_job(tmp_path / "a", train_dict(version))
    parts = run_job(tmp_path / "b", train_dict(version, batch={"micro_batch": 1}))
    assert list(metric(parts, "train/loss").values()) == pytest.approx(
        list(metric(whole, "train/loss").values()), rel=1e-4
    )


def test_best_and_last_k_and_pinned_checkpoints_stay(version: Path, tmp_path: Path) -> None:
    """The rate is so high at the end that the best validation is not the last; step 2 is pinned as soon as it is there."""
    raw = train_dict(
        version,
        schedule={"num_steps": 14, "warmup_steps": 14},
        optimizer={"learning_rate": 4.0, "gradient_clip": 0.0},
        evaluation={"every_steps": 2},
        checkpoint={"every_steps": 1, "keep_last": 2},
    )
    import trainer.training.saving as saving

    pin = tmp_path / "job/attempts/1/checkpoints/2" / PINNED
    keep = saving.Saver.save

    def save(self: Any, state: Any, *, metrics: Any) -> None:
        keep(self, state, metrics=metrics)
        if state.step == 2:
            pin.touch()

    saving.Saver.save = save  # type: ignore[method-assign]
    try:
        events = run_job(tmp_path / "job", raw)
    finally:
        saving.Saver.save = keep  # type: ignore[method-assign]
    best = finished(events).result["best_step"]
    left = {int(path.name) for path in (tmp_path / "job/attempts/1/checkpoints").iterdir()}
    assert best not in (13, 14)
    assert left == {2, best, 13, 14}
    gone = {event.step for event in of_kind(events, CheckpointRemoved)}
    assert gone == {event.step for event in of_kind(events, Checkpoint)} - left
    test = next(event for event in of_kind(events, Evaluation) if event.split == "test")
    assert test.step == best
    for step in left:
        verify_checkpoint(tmp_path / f"job/attempts/1/checkpoints/{step}")


def test_patience_ends_the_run_early(version: Path, tmp_path: Path) -> None:
    raw = train_dict(
        version,
        schedule={"num_steps": 200, "warmup_steps": 0, "decay": "constant"},
        optimizer={"learning_rate": 3.0},
        evaluation={"every_steps": 2, "patience": 3},
    )
    last = finished(run_job(tmp_path / "job", raw))
    assert last.code == "early_stopping"
    assert last.result["step"] == last.result["best_step"] + 6
    assert "3 validations brought nothing better" in last.sentence


def test_stop_saves_and_cancel_does_not(version: Path, tmp_path: Path) -> None:
    raw = train_dict(
        version, schedule={"num_steps": 50}, checkpoint={"every_steps": 40}, evaluation={"every_steps": 40}
    )
    events = run_job(tmp_path / "job", raw, stop_at_step=3)
    assert isinstance(events[-1], Stopped)
    assert last_checkpoint(tmp_path / "job").name == str(events[-1].step)
    assert "it can be resumed" in events[-1].sentence


def test_stop_in_the_middle_of_a_validation_resumes_with_that_validation(version: Path, tmp_path: Path) -> None:
    """Step 4 is told just before its validation, so the stop falls into it."""
    raw = train_dict(version, regularisation={"dropout": 0.2})
    whole = run_job(tmp_path / "whole", raw)
    raw_lazy = {**raw, "evaluation": {**raw["evaluation"], "every_steps": 4}}
    first = run_job(tmp_path / "parts", raw_lazy, stop_at_step=4)
    assert first[-1].step == 4  # type: ignore[union-attr]
    assert not metric(first, "validation/loss")
    second = run_job(tmp_path / "parts", raw_lazy, fence=2, resume_from=[last_checkpoint(tmp_path / "parts")])
    assert metric(second, "validation/loss") == metric(whole, "validation/loss")
    assert metric(second, "train/loss") == {s: v for s, v in metric(whole, "train/loss").items() if s > 4}


def test_nan_ends_the_run_at_the_last_good_checkpoint(version: Path, tmp_path: Path) -> None:
    raw = train_dict(
        version,
        schedule={"num_steps": 400, "warmup_steps": 6, "decay": "constant"},
        optimizer={"learning_rate": 1e20, "gradient_clip": 0.0},
        checkpoint={"every_steps": 1},
    )
    end = failed(run_job(tmp_path / "job", raw))
    assert end.code == "nan"
    assert end.step is not None
    kept = [int(path.name) for path in (tmp_path / "job/attempts/1/checkpoints").glob("[0-9]*")]
    assert all(step < end.step for step in kept)
    assert "optimizer.learning_rate" in end.sentence


def test_a_full_disk_is_told_before_the_first_step(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**6))
    events = run_job(tmp_path / "job", train_dict(version))
    end = failed(events)
    assert end.code == "disk_full"
    assert "has 1 MB free" in end.sentence
    assert not metric(events, "train/loss")


def test_a_disk_that_fills_up_while_writing_keeps_the_checkpoint_before(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trainer.training.checkpoint as checkpoint

    save_file, calls = checkpoint.save_file, []

    def fill_up(tensors: Any, path: Path) -> None:
        calls.append(path)
        if len(calls) > 2:  # the second checkpoint
            raise OSError(28, "No space left on device", str(path))
        save_file(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", fill_up)
    end = failed(run_job(tmp_path / "job", train_dict(version)))
    assert end.code == "disk_full"
    assert [path.name for path in (tmp_path / "job/attempts/1/checkpoints").iterdir()] == ["3"]
    verify_checkpoint(last_checkpoint(tmp_path / "job"))


def test_too_little_memory_is_told_with_advice(version: Path, tmp_path: Path) -> None:
    """A model that no machine holds: the processor's allocator refuses it for real."""
    model = {"num_layers": 1, "model_width": 1_000_000_000, "num_heads": 1, "context_length": 32}
    end = failed(run_job(tmp_path / "job", {**train_dict(version), "model": model}))
    assert end.code == "out_of_memory"
    assert "micro_batch" in end.sentence


def test_a_crash_carries_the_end_of_its_traceback(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trainer.training.loop as loop

    def broken(*_: object) -> float:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(loop, "rate_fraction", broken)
    end = failed(run_job(tmp_path / "job", train_dict(version)))
    assert end.code == "crash"
    assert "ZeroDivisionError" in end.sentence
    assert "in take_step" in end.details


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"batch": {"sequence_length": 64}}, "bad_spec", "longer than model.context_length"),
        ({"machine": {"dtype": "float16"}}, "bad_spec", "float16, which needs a CUDA device"),
        ({"data": {"content_hash": "0" * 64}}, "bad_input", "has content hash"),
        ({"data": {"path": "/nowhere"}}, "bad_input", "holds no prepared version"),
        ({"branch_from": "/nowhere"}, "bad_checkpoint", "/nowhere is not a checkpoint"),
    ],
)
def test_wrong_specs_end_with_a_sentence(
    version: Path, tmp_path: Path, changes: dict[str, Any], code: str, sentence: str
) -> None:
    end = failed(run_job(tmp_path / "job", train_dict(version, **changes)))
    assert end.code == code
    assert sentence in end.sentence
    assert not end.details


def test_too_little_text_ends_with_a_sentence(tmp_path: Path) -> None:
    version = write_version(tmp_path / "version", [("rain and wind", 0)])
    end = failed(run_job(tmp_path / "job", train_dict(version, batch={"sequence_length": 32})))
    assert end.code == "bad_input"
    assert "one window needs 33" in end.sentence
    assert "set batch.sequence_length to at most" in end.sentence


def test_splits_without_text_are_told_and_the_run_goes_on(tmp_path: Path) -> None:
    version = write_version(tmp_path / "version", make_documents(16))
    events = run_job(tmp_path / "job", train_dict(version))
    assert finished(events).result["test"] == {}
    assert {event.code for event in of_kind(events, Message)} == {"split_too_small"}


def test_labels_are_needed_by_a_family_that_tells_them_apart(tmp_path: Path) -> None:
    version = write_version(tmp_path / "version", make_documents(40), with_labels=False)
    raw = {**train_dict(version, family="bow"), "model": {}}
    assert "has fewer than two labels" in failed(run_job(tmp_path / "job", raw)).sentence


def test_the_second_family_learns_through_the_same_machinery(version: Path, tmp_path: Path) -> None:
    raw = train_dict(version, family="bow", optimizer={"learning_rate": 0.1}, schedule={"num_steps": 60})
    result = finished(run_job(tmp_path / "job", {**raw, "model": {"width": 8}})).result
    assert result["test"]["accuracy"] > 0.95


def test_a_run_of_no_steps_is_a_run(version: Path, tmp_path: Path) -> None:
    events = run_job(tmp_path / "job", train_dict(version, schedule={"num_steps": 0, "warmup_steps": 0}))
    assert "has no steps" in finished(events).sentence
    assert of_kind(events, Checkpoint)[0].step == 0
    assert metric(events, "validation/loss")[0] == pytest.approx(math.log(320), abs=0.3)


def test_documents_seen_are_those_of_the_batches(version: Path, tmp_path: Path) -> None:
    from trainer.data.shards import open_version
    from trainer.training.order import examples_at

    run_job(tmp_path / "job", train_dict(version))
    seen = list(documents_seen(last_checkpoint(tmp_path / "job")))
    assert [one.step for one in seen] == sorted(one.step for one in seen)
    assert {one.step for one in seen} == set(range(1, 13))
    split = open_version(version).split("train")
    first = int(examples_at(0, 1, num_examples=(split.num_tokens - 1) // 16, seed=1)[0]) * 16
    expected = [
        d
        for d in range(split.num_documents)
        if split.document_starts[d] < first + 16 and split.document_starts[d + 1] > first
    ]
    assert [one.document for one in seen if one.position == 0] == expected
    assert seen[0].row == split.document_id(seen[0].document).row
