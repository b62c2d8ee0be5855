"""Ladders of small models and few tokens: what is known of both ends of a law makes it tell longer runs without bias."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from economics.__main__ import main
from economics.errors import InputError
from economics.scaling import Conventions, LossLaw, Points, law_fit, predict_loss
from economics.scaling.parametric import centre_of
from economics.scaling.prior_weight import prior_weights

RUNGS = Path(__file__).parent / "data" / "short_ladders.csv"
"""Three ladders of GPTs of 53 k to 154 k parameters on Python's own source, as trained here, and runs beyond two of them."""

TOKENIZER = Conventions(vocabulary_size=1_024, bytes_per_token=2.493)


def rows(ladder: str, role: str = "rung") -> np.ndarray:
    """(num_params, num_tokens, loss, flop) of a ladder's runs."""
    with RUNGS.open() as file:
        found = [row for row in csv.DictReader(file) if row["ladder"] == ladder and row["role"] == role]
    return np.array([[float(row[name]) for name in ("num_params", "num_tokens", "loss", "flop")] for row in found])


def points_of(found: np.ndarray, conventions: Conventions = TOKENIZER) -> Points:
    n, d, loss, flop = found.T
    return Points(num_params=n, num_tokens=d, loss=loss, flop=flop, conventions=conventions)


REAL = [
    pytest.param(rows("a"), rows("a", "beyond")[0], id="run beyond the first ladder"),
    pytest.param(rows("b")[:-1], rows("b")[-1], id="largest rung of the second"),
    pytest.param(rows("b"), rows("a", "beyond")[0], id="run beyond the second"),
    pytest.param(rows("c"), rows("c", "beyond")[0], id="run beyond a ladder that had hardly begun to learn"),
]


@pytest.mark.parametrize(("rungs", "beyond"), REAL)
def test_real_runs_beyond_short_ladders_land_inside(rungs, beyond):
    n, d, loss, _flop = beyond
    found = predict_loss(law_fit(points_of(rungs), num_resamples=400), n, d).loss
    assert found.p10 < loss < found.p90
    assert abs(math.log(loss / found.p50)) < 0.012


def test_without_its_ends_the_law_of_a_short_ladder_promises_too_little():
    """What the ends are for: over the same runs the plain power law errs to one side, by more."""
    plain, known = [], []
    for case in REAL[:3]:
        rungs, (n, d, loss, _flop) = case.values
        for errors, conventions in ((plain, Conventions()), (known, TOKENIZER)):
            fitted = law_fit(points_of(rungs, conventions), num_resamples=50)
            errors.append(math.log(loss / float(fitted.law.loss(n, d))))
    assert max(plain) < -0.015
    assert abs(np.mean(known)) < 0.006


def test_simulated_short_ladders_are_told_without_bias():
    rng = np.random.default_rng(4)
    n = np.repeat([53_408.0, 84_320.0, 153_840.0], 3)
    d = np.concatenate([first * np.array([1.0, 2.0, 4.0]) for first in (165e3, 209e3, 265e3)])
    inside, errors = [], []
    while len(inside) < 24:
        truth = _true_law(rng)
        if truth is None:
            continue
        loss = truth.loss(n, d) * np.exp(0.007 * rng.standard_normal(9))
        fitted = law_fit(Points(num_params=n, num_tokens=d, loss=loss, conventions=TOKENIZER), num_resamples=60)
        found = predict_loss(fitted, 172e3, 3.4e6).loss
        seen = float(truth.loss(172e3, 3.4e6)) * math.exp(0.007 * rng.standard_normal())
        inside.append(seen in found)
        errors.append(math.log(seen / found.p50))
    assert np.mean(inside) >= 0.6
    assert abs(np.mean(errors)) < 0.01


def _true_law(rng: np.random.Generator) -> LossLaw | None:
    """A law that begins at ln V and ends at a floor like that of text; None where the two do not go together."""
    alpha, beta = rng.normal(0.35, 0.05, 2)
    floor = 0.6 * 2.493 * math.log(2) * math.exp(0.4 * rng.standard_normal())
    of_model, of_data = 0.4 * math.exp(0.3 * rng.standard_normal()), 2.0 * math.exp(0.2 * rng.standard_normal())
    left = math.log(1_024) - floor - of_model
    if left < 1.2 * of_data:
        return None
    b = of_data * 4.5e5**beta
    return LossLaw(E=floor, A=of_model * 84e3**alpha, B=b, alpha=alpha, beta=beta, D0=(b / left) ** (1 / beta))


def test_the_floor_is_left_out_where_the_points_contradict_it():
    assert "E" in centre_of(points_of(rows("a"))).prior
    assert centre_of(points_of(rows("c"))).prior == ("alpha", "beta")


def test_the_prior_is_said_and_weighed():
    fitted = law_fit(points_of(rows("a")), num_resamples=200)
    assert "E about 0.6 bits a byte" in fitted.figures_from["coefficients"]
    assert 0 < prior_weights(fitted)["E"] < 1
    assert prior_weights(law_fit(points_of(rows("a"), Conventions()), num_resamples=50))["E"] == 0


def test_long_runs_do_not_feel_where_training_begins():
    truth = LossLaw(E=1.8, A=480.0, B=2100.0, alpha=0.35, beta=0.37)
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(5e7, 5e9, 6), np.geomspace(1e9, 1e11, 4)))
    points = Points(num_params=n, num_tokens=d, loss=truth.loss(n, d))
    known = replace(points, conventions=Conventions(vocabulary_size=50_000))
    plain, fitted = law_fit(points, num_resamples=10), law_fit(known, num_resamples=10)
    assert 0 < fitted.D0 < 0.01 * d.min()
    assert float(fitted.law.loss(1e10, 1e12)) == pytest.approx(float(plain.law.loss(1e10, 1e12)), rel=2e-4)


def test_the_best_mix_of_a_law_that_begins_somewhere_is_the_best():
    law = LossLaw(E=2.2, A=60.0, B=150.0, alpha=0.35, beta=0.36, D0=4e4)
    best = law.optimum(1e12)
    sizes = best.num_params * np.geomspace(0.2, 5, 2001)
    assert best.loss <= float(law.loss(sizes, 1e12 / 6 / sizes).min()) + 1e-12
    assert law.optimum_for_loss(best.loss).compute_flop == pytest.approx(1e12, rel=1e-6)
    assert float(law.loss(1e5, law.tokens_for_loss(1e5, 4.0))) == pytest.approx(4.0)
    assert float(law.loss(law.params_for_loss(1e6, 4.5), 1e6)) == pytest.approx(4.5)
    assert law.optimum(1e12).loss < replace(law, D0=0.0).optimum(1e12).loss
    with pytest.raises(InputError, match="D0"):
        replace(law, D0=-1.0)


def test_the_command_line_takes_the_tokenizer(tmp_path, capsys):
    path = tmp_path / "ladder.csv"
    lines = [",".join(f"{value:.6g}" for value in row) for row in rows("a")]
    path.write_text("\n".join(["num_params,num_tokens,loss,flop", *lines]))
    known = ["--vocabulary", "1024", "--bytes-per-token", "2.493", "--bootstrap", "50"]
    assert main(["fit", str(path), *known, "--json"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text)["coefficients"]["D0"] == pytest.approx(3e4, rel=0.2)
    (tmp_path / "fit.json").write_text(text)
    assert main(["predict", str(tmp_path / "fit.json"), "--params", "172352", "--tokens", "3463168", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["loss"]
    assert found["p10"] < 3.3204 < found["p90"]
    assert main(["fit", str(path), *known, "--explain"]) == 0
    assert "(D + 3" in capsys.readouterr().out
    assert main(["fit", str(path), "--vocabulary", "1"]) == 2
    assert "vocabulary" in capsys.readouterr().err


def test_a_file_can_say_what_its_tokenizer_is(tmp_path, capsys):
    path = tmp_path / "ladder.csv"
    bits = 1 / (2.493 * math.log(2))
    lines = [",".join(f"{value:.9g}" for value in (*row, row[2] * bits, 1_024)) for row in rows("a")]
    path.write_text("\n".join(["num_params,num_tokens,loss,flop,bits_per_byte,vocabulary_size", *lines]))
    assert main(["fit", str(path), "--json", "--bootstrap", "20"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["conventions"]["bytes_per_token"] == pytest.approx(2.493)
    assert found["coefficients"]["D0"] == pytest.approx(centre_of(points_of(rows("a"))).D0, rel=1e-3)
    path.write_text("num_params,num_tokens,loss,vocabulary_size\n1e6,1e7,3,0\n")
    assert main(["fit", str(path)]) == 2
    assert "vocabulary_size" in capsys.readouterr().err
