"""The verb `scaling`: known answers come back, and wrong questions are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from economics.__main__ import main
from economics.scaling.published import over_training_law, published_law

RNG = np.random.default_rng(5)


def written(path: Path, **columns: Any) -> str:
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(f"{x:.8g}" for x in row) for row in rows)]) + "\n")
    return str(path)


def answer(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main(["scaling", *argv, "--json", "--explain"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert result["explanation"]
    return result


def test_a_learning_curve_ends_where_its_power_law_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokens = np.linspace(1e8, 1e10, 300)
    loss = 2.1 + 250 / tokens**0.29 + 0.004 * RNG.standard_normal(tokens.size)
    file = written(tmp_path / "curve.csv", num_tokens=tokens, loss=loss)
    found = answer(capsys, "learning-curve", file, "--tokens", "20B", "--no-decay-ahead")
    truth = 2.1 + 250 / 2e10**0.29
    assert found["loss"]["p10"] - 0.02 < truth < found["loss"]["p90"] + 0.02
    assert found["coefficients"]["beta"] == pytest.approx(0.29, abs=0.15)


def test_the_critical_batch_of_runs_and_of_gradients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = np.array([2.5e5, 1e6, 4e6, 1.6e7])
    runs = written(tmp_path / "runs.csv", batch_tokens=batch, steps=5000 * (1 + 2e6 / batch))
    found = answer(capsys, "critical-batch", runs, "--batch-tokens", "2M")
    assert found["critical_batch_tokens"] == pytest.approx(2e6, rel=1e-3)
    assert found["least_steps"] == pytest.approx(5000, rel=1e-3)
    assert found["compute_over_least"] == pytest.approx(2.0, rel=1e-3)
    norms = written(tmp_path / "norms.csv", batch_tokens=[1e4, 1e6], norm_squared=[1 + 3e5 / 1e4, 1 + 3e5 / 1e6])
    assert answer(capsys, "critical-batch", norms)["critical_batch_tokens"] == pytest.approx(3e5, rel=1e-6)


def test_over_training_costs_compute_and_is_fitted_from_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    law = over_training_law("gadre-2024-c4")
    n, m = (x.ravel() for x in np.meshgrid([1e7, 1e8, 1e9], [5.0, 20.0, 320.0]))
    file = written(tmp_path / "points.csv", num_params=n, num_tokens=n * m, loss=law.loss(6 * n * n * m, m))
    published = answer(capsys, "over-training", "--params", "1.4B", "--tokens", "900B", "--law", "gadre-2024-c4")
    fitted = answer(capsys, "over-training", file, "--params", "1.4B", "--tokens", "900B")
    assert fitted["loss"] == pytest.approx(published["loss"], rel=1e-3)
    assert published["tokens_per_param"] == 640
    assert published["compute_over_optimal"] > 1.5
    assert published["params_over_optimal"] < 0.5
    near = answer(capsys, "over-training", "--params", "6B", "--tokens", "100B")
    assert 1.0 <= near["compute_over_optimal"] < 1.05


def test_serving_makes_the_best_model_smaller(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("inference-aware", "--law", "besiroglu-2024", "--compute-flop", "1e23")
    alone, some, much = (answer(capsys, *asked, "--output-tokens", tokens) for tokens in ("0", "1T", "100T"))
    assert alone["saved_fraction"] == pytest.approx(0, abs=1e-6)
    sizes = [found["optimum"]["num_params"] for found in (alone, some, much)]
    assert sizes[0] > sizes[1] > sizes[2]
    assert much["saved_fraction"] > some["saved_fraction"] > 0
    # golden: at the optimum of 1e23 FLOP, 2e12 served tokens move the size to 0.57 of it (the module's example)
    two = answer(capsys, *asked, "--output-tokens", "2T")
    assert two["optimum"]["num_params"] / alone["optimum"]["num_params"] == pytest.approx(0.57, abs=0.02)


def test_a_task_is_predicted_through_its_likelihood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    n, d = (x.ravel() for x in np.meshgrid([1e8, 3e8, 1e9, 3e9], [2e9, 1e10, 5e10]))
    nll = published_law().loss(n, d) - 1.6
    points = written(tmp_path / "points.csv", num_params=n, num_tokens=d, loss=nll)
    assert main(["fit", points, "--bootstrap", "50", "--json"]) == 0
    (tmp_path / "fit.json").write_text(capsys.readouterr().out)
    likelihoods = np.linspace(0.3, 1.6, 14)
    task = written(tmp_path / "task.csv", nll=likelihoods, accuracy=0.25 + 0.7 / (1 + np.exp(5 * (likelihoods - 0.8))))
    found = answer(
        capsys, "task-accuracy", task, "--law", str(tmp_path / "fit.json"), "--params", "7B", "--tokens", "500B",
        "--chance", "0.25",
    )  # fmt: skip
    truth = 0.25 + 0.7 / (1 + np.exp(5 * (float(published_law().loss(7e9, 5e11)) - 1.6 - 0.8)))
    assert found["accuracy"]["p10"] - 0.03 < truth < found["accuracy"]["p90"] + 0.03
    assert found["accuracy"]["p90"] - found["accuracy"]["p10"] < 0.35


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (("stars",), "question"),
        (("learning-curve",), "file"),
        (("over-training", "--params", "1B"), "tokens"),
        (("inference-aware",), "compute-flop"),
        (("inference-aware", "--loss", "2", "--training-usd-per-flop", "1e-18"), "prefill"),
        (("critical-batch",), "batch_tokens"),
        (("task-accuracy", "nowhere.csv"), "law"),
        (("learning-curve", "nowhere.csv", "--tokens", "1B"), "nowhere.csv"),
    ],
)
def test_wrong_questions_are_one_sentence(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], word: str) -> None:
    assert main(["scaling", *argv]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert word in printed.err
