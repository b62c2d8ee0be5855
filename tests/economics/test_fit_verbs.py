"""The verbs fit and predict: keys that others rely on, and sentences for wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from economics.__main__ import main

RUNS = Path(__file__).parent / "data" / "digitised_runs.csv"


@pytest.fixture
def fitted(tmp_path, capsys) -> Path:
    """What `fit --json` prints for the digitised runs."""
    assert main(["fit", str(RUNS), "--json", "--bootstrap", "100", "--compute-flop", "1e22", "5.76e23"]) == 0
    path = tmp_path / "fit.json"
    path.write_text(capsys.readouterr().out)
    return path


def test_fit_prints_every_key_of_the_contract(fitted):
    found = json.loads(fitted.read_text())
    for key in (
        "coefficients",
        "intervals",
        "objective",
        "num_points",
        "warnings",
        "optimal",
        "leave_largest_out_error",
    ):
        assert key in found
    assert set(found["coefficients"]) == {"E", "A", "B", "alpha", "beta"}
    assert set(found["intervals"]["alpha"]) == {"p10", "p50", "p90"}
    assert found["objective"] == pytest.approx(1.01827e-3, rel=1e-5)
    assert found["leave_largest_out_error"]["compute_equivalent_factor"] > 0
    assert [row["compute_flop"] for row in found["optimal"]] == [1e22, 5.76e23]
    assert any("30 times" in warning for warning in found["warnings"])
    low, high = found["optimal"][0]["num_params_within_10_percent"]
    assert low < found["optimal"][0]["num_params"]["p50"] < high


def test_keys_are_sorted(fitted):
    found = json.loads(fitted.read_text())
    assert list(found) == sorted(found)


def test_predict_reads_the_file_and_gives_an_interval(fitted, capsys):
    assert main(["predict", str(fitted), "--params", "7B", "--tokens", "1.4e12", "--json"]) == 0
    loss = json.loads(capsys.readouterr().out)["loss"]
    assert loss["p10"] < loss["p50"] < loss["p90"]
    expected = 1.81722 + 477.82 / 7e9**0.34731 + 2143.4 / 1.4e12**0.36717
    assert loss["p50"] == pytest.approx(expected, rel=2e-3)


def test_the_same_seed_prints_the_same(capsys):
    answers = []
    for _ in range(2):
        assert main(["fit", str(RUNS), "--json", "--bootstrap", "50", "--seed", "4"]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("method", ["isoflop", "envelope"])
def test_other_methods_give_the_same_keys(capsys, method):
    assert main(["fit", str(RUNS), "--json", "--bootstrap", "100", "--method", method]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"E", "A", "B", "alpha", "beta", "size_exponent"} == set(found["coefficients"])


def test_few_points_have_no_median_and_predict_says_so(tmp_path, capsys):
    path = tmp_path / "few.csv"
    rows = ["1e8,2e9,3.6", "1e8,8e9,3.3", "4e8,2e9,3.3", "4e8,8e9,3.0", "1e9,2e10,2.7"]
    path.write_text("\n".join(["num_params,num_tokens,loss", *rows]))
    assert main(["fit", str(path), "--json", "--bootstrap", "50", "--compute-flop", "1e21"]) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert found["coefficients"]["alpha"] is None
    assert found["optimal"] == []
    (tmp_path / "few.json").write_text(text)
    assert main(["predict", str(tmp_path / "few.json"), "--params", "2e9", "--tokens", "4e10", "--json"]) == 0
    loss = json.loads(capsys.readouterr().out)["loss"]
    assert loss["p50"] is None
    assert loss["p10"] < loss["p90"]


def test_readable_tables_and_explanations(fitted, capsys):
    assert main(["fit", str(RUNS), "--bootstrap", "50", "--explain"]) == 0
    assert "L = 1.817 + 477.8 / N^0.3473" in capsys.readouterr().out
    assert main(["predict", str(fitted), "--params", "7B", "--tokens", "2T", "--explain"]) == 0
    assert "seed noise" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nowhere.csv"], "points is 'nowhere.csv'"),
        (["fit", str(RUNS), "--method", "guess"], "method is 'guess'"),
        (["fit", str(RUNS), "--bootstrap", "2"], "bootstrap is '2'"),
        (["fit", str(RUNS), "--compute-flop", "much"], "compute-flop is 'much'"),
        (["predict", "nowhere.json", "--params", "1B", "--tokens", "1B"], "fit is 'nowhere.json'"),
        (["predict", "nobody-1999", "--params", "1B", "--tokens", "1B"], "besiroglu-2024"),
        (["predict", str(RUNS), "--params", "1B", "--tokens", "1B"], "fit --json"),
    ],
)
def test_wrong_input_exits_2_with_one_sentence(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_one_ray_is_no_answer(tmp_path, capsys):
    path = tmp_path / "ray.csv"
    path.write_text("num_params,num_tokens,loss\n" + "\n".join(f"{n}e8,{20 * n}e8,{4 - n / 10}" for n in range(1, 10)))
    assert main(["fit", str(path)]) == 1
    assert "same tokens per parameter" in capsys.readouterr().err


def test_counted_flop_sets_the_convention_of_compute(tmp_path, capsys):
    rows = RUNS.read_text().splitlines()
    doubled = ["num_params,num_tokens,loss,flop"]
    for row in rows[1:]:
        n, d, loss = (float(x) for x in row.split(","))
        doubled.append(f"{n},{d},{loss},{7.5 * n * d}")
    path = tmp_path / "flop.csv"
    path.write_text("\n".join(doubled))
    assert main(["fit", str(path), "--json", "--bootstrap", "20", "--compute-flop", "1.25e22"]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert main(["fit", str(RUNS), "--json", "--bootstrap", "20", "--compute-flop", "1e22"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert counted["conventions"]["flop_per_param_token"] == pytest.approx(7.5)
    assert counted["optimal"][0]["num_params"]["p50"] == plain["optimal"][0]["num_params"]["p50"]
    path.write_text("num_params,num_tokens,loss,flop\n1e8,1e9,3,1e9\n2e8,1e9,3,1e9")
    assert main(["fit", str(path)]) == 2
    assert "about 6 x N x D" in capsys.readouterr().err


def test_bytes_of_a_token_turn_the_loss_into_bits_a_byte(tmp_path, capsys):
    rows = RUNS.read_text().splitlines()
    path = tmp_path / "bytes.csv"
    path.write_text("\n".join([rows[0] + ",bytes_per_token", *(row + ",4.4" for row in rows[1:])]))
    assert main(["fit", str(path), "--json", "--bootstrap", "20"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["conventions"]["loss_unit"] == "bits_per_byte"
    assert found["coefficients"]["E"] == pytest.approx(1.8172 / 4.4 / 0.693147, rel=0.01)
    assert found["coefficients"]["alpha"] == pytest.approx(0.3473, rel=0.02)


def test_repeats_raise_the_predicted_loss(fitted, capsys):
    losses = []
    for unique in ([], ["--unique-tokens", "1e11"], ["--unique-tokens", "1e10"]):
        assert main(["predict", str(fitted), "--params", "1B", "--tokens", "4e11", "--json", *unique]) == 0
        losses.append(json.loads(capsys.readouterr().out)["loss"]["p50"])
    assert losses[0] < losses[1] < losses[2]
    assert losses[1] / losses[0] < 1.01


def test_a_target_asks_which_runs_to_make_next(capsys):
    wanted = ["--target-params", "70B", "--target-tokens", "1.4T"]
    assert main(["fit", str(RUNS), "--json", "--bootstrap", "200", *wanted]) == 0
    found = json.loads(capsys.readouterr().out)["next_experiments"]
    assert len(found) == 5
    assert all(0 < row["remaining_width_fraction"] <= 1 for row in found)
    assert main(["fit", str(RUNS), "--target-params", "70B"]) == 2
    assert "target-tokens" in capsys.readouterr().err
