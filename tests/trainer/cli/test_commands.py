"""The commands as a person types them: prepare, train, resume, evaluate, generate, documents, export."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import NANO, make_documents, write_version
from trainer.cli.main import main

QUICK = [
    *(f"--set=model.{name}={value}" for name, value in NANO.items()),
    "--set=batch.sequence_length=16",
    "--set=batch.sequences_per_step=4",
    "--set=machine.num_threads=1",
    "--set=machine.compile=off",
    "--set=optimizer.learning_rate=3e-3",
]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Commands catch Ctrl-C; the tests' own runner wants it back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of a command."""
    code = main([str(argument) for argument in arguments])
    out, errors = capsys.readouterr()
    return code, out, errors


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def job(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "job"
    assert main(["train", "--data", str(version), "--steps", "40", "--out", str(folder), "--json", *QUICK]) == 0
    return folder


def test_train_writes_each_event_as_json(capsys: pytest.CaptureFixture[str], version: Path, tmp_path: Path) -> None:
    code, out, _ = run(capsys, "train", "--data", version, "--steps", 5, "--out", tmp_path / "job", "--json", *QUICK)
    assert code == 0
    kinds = [event["type"] for event in events(out)]
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
    assert [event["line"] for event in events(out)] == list(range(1, len(kinds) + 1))


def test_train_for_people_shows_losses_and_the_folder(
    capsys: pytest.CaptureFixture[str], version: Path, tmp_path: Path
) -> None:
    code, out, errors = run(capsys, "train", "--data", version, "--steps", 5, "--out", tmp_path / "job", *QUICK)
    assert (code, out) == (0, "")
    assert "validation loss" in errors
    assert f"job folder: {tmp_path / 'job'}" in errors


def test_presets_fit_their_own_context(capsys: pytest.CaptureFixture[str], version: Path, tmp_path: Path) -> None:
    arguments = ["--data", version, "--preset", "nano", "--steps", 1, "--out", tmp_path / "job", "--json"]
    code, out, _ = run(
        capsys, "train", *arguments, "--set=batch.sequences_per_step=2", "--set=evaluation.max_batches=1"
    )
    assert code == 0
    assert events(out)[-1]["type"] == "finished"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--preset", "giant"], "preset 'giant' is unknown; the presets of"),
        (["--family", "rnn"], "family 'rnn' is unknown"),
        (["--set", "optimizer.learning_rte=1"], "optimizer has no field learning_rte"),
        (["--set", "seed"], "--set 'seed' is not of the form field=value"),
        (["--set", "seed=1", "--set", "seed.more=1"], "--set seed.more: seed holds a value, not further fields"),
        (["--steps", "-3"], "schedule.num_steps is -3"),
        (["--set", "batch.sequence_length=400"], "longer than model.context_length"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], version: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    code, _, errors = run(capsys, "train", "--data", version, "--out", tmp_path / "job", "--steps", 2, *arguments)
    assert code == 2
    assert sentence in errors.replace("\n", " ")
    assert "Traceback" not in errors


def test_data_smaller_than_a_window_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    version = write_version(tmp_path / "version", [("rain and wind", 0)])
    code, _, errors = run(capsys, "train", "--data", version, "--out", tmp_path / "job", "--steps", 2)
    assert code == 2
    assert "one window needs" in errors.replace("\n", " ")
    assert "Traceback" not in errors


def test_test_split_smaller_than_a_window_is_measured_as_far_as_it_goes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    documents = [(text, label) for text, label in make_documents(18)] + [("rain", 0)]
    version = write_version(tmp_path / "version", documents)
    code, out, _ = run(capsys, "train", "--data", version, "--out", tmp_path / "job", "--steps", 2, "--json", *QUICK)
    assert code == 0
    test = next(event for event in events(out) if event["type"] == "evaluation" and event["split"] == "test")
    assert 0 < test["metrics"]["num_tokens"] < 16


def test_no_steps_is_a_run_with_a_sentence(capsys: pytest.CaptureFixture[str], version: Path, tmp_path: Path) -> None:
    code, _, errors = run(capsys, "train", "--data", version, "--steps", 0, "--out", tmp_path / "job", *QUICK)
    assert code == 0
    assert "The run has no steps" in errors


def test_a_finished_job_is_not_resumed(capsys: pytest.CaptureFixture[str], job: Path) -> None:
    code, _, errors = run(capsys, "resume", job)
    assert code == 2
    assert "is finished: there is nothing left to do" in errors


def test_a_killed_job_is_resumed(capsys: pytest.CaptureFixture[str], job: Path, tmp_path: Path) -> None:
    """What a kill leaves: a journal without its end, and checkpoints."""
    import shutil

    killed = tmp_path / "job"
    shutil.copytree(job, killed)
    journal = killed / "attempts/1/events.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    code, out, _ = run(capsys, "resume", killed, "--json")
    assert code == 0
    assert events(out)[0]["resumed_from_step"] == 40


def test_an_existing_job_folder_is_not_overwritten(
    capsys: pytest.CaptureFixture[str], version: Path, job: Path
) -> None:
    code, _, errors = run(capsys, "train", "--data", version, "--out", job)
    assert code == 2
    assert "holds a job already" in errors


def test_evaluation_repeats_what_training_found(capsys: pytest.CaptureFixture[str], job: Path, tmp_path: Path) -> None:
    code, out, _ = run(capsys, "evaluate", job, "--split", "test", "--out", tmp_path / "job", "--json")
    assert code == 0
    found = next(event for event in events(out) if event["type"] == "evaluation")
    trained = events((job / "attempts/1/events.jsonl").read_text())
    expected = next(event for event in trained if event["type"] == "evaluation" and event["split"] == "test")
    assert found["metrics"] == pytest.approx(expected["metrics"])
    assert found["step"] == expected["step"]


def test_generation_is_repeatable(capsys: pytest.CaptureFixture[str], job: Path) -> None:
    arguments = ["generate", job, "--prompt", "rain ", "--tokens", 12, "--set", "seed=4"]
    code, first, _ = run(capsys, *arguments)
    assert code == 0
    assert first.startswith("rain ")
    _, as_json, _ = run(capsys, *arguments, "--json")
    assert "rain " + json.loads(as_json)["text"] == first.removesuffix("\n")


def test_documents_are_listed(capsys: pytest.CaptureFixture[str], job: Path) -> None:
    code, out, _ = run(capsys, "documents", job)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split("\t") == ["step", "position", "epoch", "document", "source", "row"]
    assert lines[1].split("\t")[4] == "made.jsonl"
    assert lines[-1].startswith("40\t")


def test_prepare_train_generate_from_plain_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The whole way, without a web app."""
    texts = tmp_path / "texts"
    texts.mkdir()
    for number, (text, _) in enumerate(make_documents(60)):
        (texts / f"{number}.txt").write_text(text * 3, encoding="utf-8")
    arguments = ["--set", "recipe.tokenizer.vocab_size=300", "--set", "recipe.near.enabled=false", "--json"]
    code, out, _ = run(capsys, "prepare", texts, "--out", tmp_path / "prepared", *arguments)
    assert code == 0, out[-2000:]
    version = tmp_path / "prepared" / events(out)[-1]["result"]["path"]
    code, _, _ = run(capsys, "train", "--data", version, "--steps", 3, "--out", tmp_path / "run", *QUICK)
    assert code == 0
    code, out, _ = run(capsys, "generate", tmp_path / "run", "--tokens", 4)
    assert code == 0


def test_preparing_nothing_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, errors = run(capsys, "prepare", tmp_path / "nowhere")
    assert code == 2
    assert "does not exist; name files or folders of text" in errors
