"""Files that are wrong: each is answered with one sentence that names the field, or is read for what it surely means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.economics.test_cli import ROOT, answer, refusal

PLAN = (ROOT / "docs/numbers/examples/plan.toml").read_text(encoding="utf-8")
VENTURE = (ROOT / "docs/numbers/examples/venture.toml").read_text(encoding="utf-8")


def written(folder: Path, name: str, text: str, *, encoding: str = "utf-8") -> str:
    file = folder / name
    file.write_text(text, encoding=encoding)
    return str(file)


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("budget_usd = 120000", "budget_usd = [1]", ("limits.budget_usd", "[1]", "USD")),
        ("budget_usd = 120000", "budget_usd = true", ("limits.budget_usd", "True", "USD")),
        ("budget_usd", "bugdet_usd", ("bugdet_usd", "known are")),
        ("counts = [8, 16, 32, 64]", "counts = []", ("hardware.counts", "[]", "list")),
        ("counts = [8, 16, 32, 64]", "counts = 8", ("hardware.counts", "8", "list")),
        ("counts = [8, 16, 32, 64]", "counts = [8.5]", ("hardware.counts", "8.5", "whole")),
        ("months = 24", "months = 2.5", ("serving.months", "2.5", "whole")),
        ("[serving]", "[project]\nablation_multiplier = -2\n[serving]", ("ablation_multiplier", "-2", "at least 1")),
        ('goal = "best-loss"', 'goal = "best"', ("goal", "best", "cheapest-training")),
        ('goal = "best-loss"', 'goal = "cheapest"', ("limits.loss", "None", "loss to reach")),
    ],
)  # fmt: skip
def test_a_wrong_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], good: str, bad: str, words: tuple[str, ...]
) -> None:
    assert good in PLAN
    sentence = refusal(capsys, "plan", written(tmp_path, "plan.toml", PLAN.replace(good, bad, 1)))
    assert all(word in sentence for word in words), sentence


def test_one_table_of_hardware_is_no_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "plan.toml", '[limits]\nbudget_usd = 1e5\n[hardware]\naccelerator = "h100"\n')
    assert "[[hardware]]" in refusal(capsys, "plan", file)


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("churn_per_month = {beta = [12, 388]}", "churn_per_month = 1.5", ("churn_per_month of Seats", "1.5", "share")),
        ("churn_per_month = {beta = [12, 388]}", "churn_per_month = -0.1", ("churn_per_month of Seats", "-0.1", "share")),
        ("market_customers = {p10 = 8000, p50 = 20000, p90 = 40000}", "market_customers = -5", ("market_customers", "-5")),
        ("market_customers = {p10 = 8000, p50 = 20000, p90 = 40000}", "market_customers = nan", ("nan", "finite")),
        ("usd_per_month = 50", "usd_per_month = -50", ("usd_per_month", "-50", "at least 0")),
        ("prepaid_fraction = 0.3", "prepaid_fraction = 3", ("prepaid_fraction", "3", "share")),
        ("collection_days = 30", "collection_days = -30", ("collection_days", "-30", "at least 0")),
        ("acquisition_usd = 200", "acquisition_usd = -200", ("acquisition_usd of Seats", "-200", "at least 0")),
        ("tokens_per_second_per_replica = 2000", "tokens_per_second_per_replica = 0", ("tokens_per_second", "above 0")),
        ("usd_per_accelerator_hour = 2.5", "usd_per_accelerator_hour = -2.5", ("usd_per_accelerator_hour", "-2.5")),
        ("count = 4", "count = -4", ("count of Engineers", "-4", "at least 0")),
        ("every_months = 18", "every_months = -1", ("every_months", "-1", "at least 0")),
        ("amount_usd = 100000", "amount_usd = -100000", ("amount_usd", "-100000", "at least 0")),
        ("venture_rate_per_year = 0.4", "venture_rate_per_year = -2", ("discounting", "-2", "above -1")),
        ("residual_fraction = 0.2", "residual_fraction = 2", ("residual_fraction", "2", "share")),
        ("rate_per_year = 0.15", "rate_per_year = -1", ("rate_per_year", "-1", "above -1")),
    ],
)  # fmt: skip
def test_a_wrong_venture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], good: str, bad: str, words: tuple[str, ...]
) -> None:
    assert good in VENTURE
    file = written(tmp_path, "venture.toml", VENTURE.replace(good, bad, 1))
    sentence = refusal(capsys, "venture", file, "--paths", "50")
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize(
    ("job", "device", "words"),
    [
        ({"tokens": float("inf"), "flop_per_token": 1}, {"peak_flop_per_second": 1e15}, ("job.tokens", "inf", "finite")),
        ({"tokens": 1, "flop_per_token": 1}, {"peak_flop_per_second": -1e15}, ("peak_flop_per_second", "-1", "at least 0")),
        ({"tokens": 1, "flop_per_token": 1}, {"peak_flop_per_second": 1e15, "num_devices": 0}, ("num_devices", "0")),
        ({"tokens": 1e308, "flop_per_token": 1e308}, {"peak_flop_per_second": 1e15}, ("job.tokens", "inf", "finite")),
    ],
)  # fmt: skip
def test_a_wrong_quote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], job: dict[str, float], device: dict[str, float],
    words: tuple[str, ...],
) -> None:  # fmt: skip
    file = written(tmp_path, "quote.json", json.dumps({"job": job, "device": device}))
    sentence = refusal(capsys, "quote", file, "--json")
    assert all(word in sentence for word in words), sentence


POINTS = "num_params,num_tokens,loss\n" + "".join(
    f"{n}e8,{d}e9,{5 - n / 9 - d / 90}\n" for n in (1, 3, 9) for d in (2, 8, 30)
)


@pytest.mark.parametrize(
    ("row", "words"),
    [("1e9,1e10,2,5", ("row 10", "5", "left out")), ("1e9,1e10,two", ("loss of row 10", "two")),
     ("7X,1e10,2", ("num_params of row 10", "7X", "7B")), ("1e9,1e10,nan", ("loss of row 10", "nan"))],
)  # fmt: skip
def test_a_wrong_row_of_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str, words: tuple[str, ...]
) -> None:
    sentence = refusal(capsys, "fit", written(tmp_path, "points.csv", POINTS + row + "\n"))
    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("1e7", '"many"', ("job.tokens", "'many'", "a number")),
        ("1e7", "1e7,", ("line 1", "column", "JSON")),
        ('"tokens"', '"tokns"', ("job.tokns", "10000000", "tokens, flop_per_token")),
        ('"flop_per_token": 6e7', '"kind": "train"', ("job.flop_per_token", "None", "given")),
        ('"stopped"', '"done"', ("past[1].state", "'done'", "succeeded, stopped")),
        ('"ratio": 1.2', '"ratio": null', ("past[1].ratio", "None", "a number")),
        ("1e11", "-1", ("device.calibrated_flop_per_second", "-1", "at least 0")),
    ],
)
def test_a_wrong_quote_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], good: str, bad: str, words: tuple[str, ...]
) -> None:
    right = (
        '{"job": {"tokens": 1e7, "flop_per_token": 6e7}, "device": {"calibrated_flop_per_second": 1e11},'
        ' "past": [{"ratio": 1.1}, {"ratio": 1.2, "state": "stopped"}]}'
    )
    assert answer(capsys, "quote", written(tmp_path, "right.json", right))["seconds"]["p50"] > 0
    sentence = refusal(capsys, "quote", written(tmp_path, "wrong.json", right.replace(good, bad, 1)))
    assert all(word in sentence for word in words), sentence


def test_too_many_resamples_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "points.csv", POINTS)
    assert "bootstrap" in refusal(capsys, "fit", file, "--bootstrap", "1e9")


def test_marks_at_the_beginning_and_line_ends_of_other_systems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = POINTS.replace("1e8,2e9", "100M,2B").replace("\n", "\r\n")
    file = written(tmp_path, "点 一.csv", points, encoding="utf-8-sig")
    assert answer(capsys, "fit", file, "--bootstrap", "10")["num_points"] == 9
    config = written(tmp_path, "模型.txt", json.dumps({"architectures": ["LlamaForCausalLM"]}), encoding="utf-8-sig")
    assert answer(capsys, "params", config)["total"] == 6_738_415_616


def test_cells_of_measurements_that_are_no_numbers_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = (
        "model,year,params_total,hardware,n_chips,tokens_per_s_per_gpu,seq_len,parallelism,row_type,source,source_level"
    )
    good = "Llama-3.1-8B,2024,8030000000,H100 SXM,8,7200,8192,FSDP8+compile,benchmark,c/d@2,primary"
    bad = [good.replace(",8,", f",{cell},") for cell in ("nan", "-8", "inf", "eight")]
    rows = [good, *bad, good.replace("H100 SXM", "abacus"), good + ",more"]
    result = answer(capsys, "validate", written(tmp_path, "runs.csv", "\n".join([columns, *rows]) + "\n"))
    assert len(result["rows"]) == 2  # with and without its layout
    assert [row["line"].rsplit(":", 1)[1] for row in result["rows_left_out"]] == ["3", "4", "5", "6", "7", "8"]
    assert all("n_chips" in row["why"] for row in result["rows_left_out"][:4])


def test_rows_of_others_are_predicted_and_enter_no_median(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = (
        "model,year,params_total,hardware,n_chips,tokens_per_s_per_gpu,seq_len,parallelism,row_type,source,source_level"
    )
    row = "Llama-3.1-8B,2024,8030000000,H100 SXM,8,7200,8192,FSDP8+compile,benchmark,c/d@2,"
    both = written(
        tmp_path, "both.csv", "\n".join([columns, row + "primary", row.replace("7200", "900") + "memory"]) + "\n"
    )
    result = answer(capsys, "validate", both)
    assert [found["counts"] for found in result["rows"]].count(False) == 2
    assert result["groups"]["steady, layout given"]["num_rows"] == 1
    alone = written(tmp_path, "alone.csv", "\n".join([columns, row + "secondary"]) + "\n")
    assert answer(capsys, "validate", alone)["groups"]["steady, layout given"]["num_rows"] == 1
