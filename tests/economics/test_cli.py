"""The command line's contract: keys, sorted JSON, sentences and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from economics.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


def answer(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main([*argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refusal(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    try:
        code = main(list(argv))
    except SystemExit as stop:
        code = int(stop.code or 0)
    printed = capsys.readouterr()
    assert code == 2, printed
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    return printed.err


QUANTILES = ("p10", "p50", "p90")


def assert_interval(value: dict[str, float]) -> None:
    assert set(value) == set(QUANTILES)
    assert value["p10"] <= value["p50"] <= value["p90"]


def test_params(capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(capsys, "params", "mixtral-8x7b")
    assert result["total"] == 46_702_792_704
    assert result["active"] == 12_879_925_248
    assert sum(result["by_part"].values()) == result["total"]


TRAINING = ("training", "--model", "llama-2-7b", "--tokens", "2T", "--accelerator", "a100", "--num-accelerators", "256")


def test_training_has_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(capsys, *TRAINING, "--price-usd-per-accelerator-hour", "1.5")
    for key in (
        "tokens_per_second_per_accelerator", "mfu_fraction", "accelerator_hours", "wall_seconds", "goodput_fraction",
        "energy_kwh", "cost_usd",
    ):  # fmt: skip
        assert_interval(result[key])
    memory = result["memory_bytes_per_accelerator"]
    assert memory["total"] == memory["device_total"]
    parts = [v for k, v in memory.items() if k not in ("total", "device_total", "reserved_peak", "allocated_peak")]
    assert sum(parts) == pytest.approx(memory["total"])
    assert result["fits"] is True
    assert result["training_flop"] > result["training_flop_6nd"]
    assert set(result["parallelism"]) >= {"data", "tensor", "pipeline", "context", "expert", "virtual", "zero"}
    assert all(set(row) == {"name", "value", "unit", "source"} for row in result["assumptions"])
    hours = result["accelerator_hours"]["p50"]
    assert hours == pytest.approx(256 * result["wall_seconds"]["p50"] / 3600)


def test_training_needs_only_model_tokens_and_accelerator(capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(capsys, "training", "--params", "1B", "--tokens", "20000000000.0", "--accelerator", "h100")
    assert result["num_accelerators"] >= 1
    assert any(row["name"] == "num_accelerators" for row in result["assumptions"])


def test_a_given_layout_is_kept_and_a_batch_is_rounded_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(
        capsys, *TRAINING, "--parallelism", "data=32,tensor=8,zero=1", "--batch-tokens", "1000000", "--micro-batch", "1",
        "--sequence-length", "4096",
    )  # fmt: skip
    assert (result["parallelism"]["data"], result["parallelism"]["tensor"]) == (32, 8)
    assert result["batch_tokens"] % (32 * 4096) == 0
    assert any(row["name"] == "batch_tokens" and "round" in row["source"] for row in result["assumptions"])


def test_a_layout_that_does_not_fit_is_still_estimated(capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(
        capsys, "training", "--params", "70B", "--tokens", "1T", "--accelerator", "a100", "--num-accelerators", "8",
        "--parallelism", "data=8,zero=0",
    )  # fmt: skip
    assert result["fits"] is False
    assert result["ways_to_fit"]


def test_unknown_prices_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(capsys, "training", "--params", "1B", "--tokens", "1B", "--accelerator", "Rubin SXM")
    assert result["cost_usd"] is None


def test_overrides_change_the_device(capsys: pytest.CaptureFixture[str]) -> None:
    usual = answer(capsys, *TRAINING)
    slow = answer(capsys, *TRAINING, "--power-watts", "200", "--memory-bandwidth-gb-per-second", "1000")
    rate = "tokens_per_second_per_accelerator"
    assert slow[rate]["p50"] < usual[rate]["p50"]


def test_serving_has_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(
        capsys, "serving", "--model", "llama-3.1-70b", "--accelerator", "h100", "--num-accelerators", "4", "--weights",
        "fp8", "--kv", "fp8", "--batch", "max", "--input-tokens", "1000", "--output-tokens", "500", "--utilisation",
        "50%", "--price-usd-per-accelerator-hour", "2",
    )  # fmt: skip
    for key in (
        "prefill_seconds", "decode_seconds_per_token", "decode_tokens_per_second", "tokens_per_second_per_user",
        "end_to_end_output_tokens_per_second", "cost_usd_per_million_input_tokens",
        "cost_usd_per_million_output_tokens",
    ):  # fmt: skip
        assert_interval(result[key])
    assert result["max_batch"] >= result["batch"] >= 1
    assert result["memory_bytes_per_accelerator"]["total"] <= 80e9
    assert result["parallelism"]["tensor"] == 4


@pytest.mark.parametrize(
    ("model", "unit"), [("resnet-50", "image"), ("bert-base-uncased", "sequence"), ("dlrm", "recommendation")]
)
def test_what_writes_no_text_costs_by_the_thousand(capsys: pytest.CaptureFixture[str], model: str, unit: str) -> None:
    words = ("serving", "--model", model, "--accelerator", "a100", "--price-usd-per-accelerator-hour", "2")
    one, many = answer(capsys, *words), answer(capsys, *words, "--candidates", "100")
    assert one["unit"] == unit
    assert_interval(one["per_second"])
    assert many["cost_usd_per_thousand"]["p50"] == pytest.approx(100 * one["cost_usd_per_thousand"]["p50"])


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("params", "warp-9"), ("model", "warp-9", "preset")),
        (("params", "-7B"), ("model", "-7B", "preset")),
        (("params", " "), ("model", "preset")),
        (("params", "/nowhere/config.json"), ("model", "/nowhere/config.json", "exists")),
        (("training", "--model", "gpt2", "--tokens", "-1e12", "--accelerator", "h100"), ("tokens", "-1e12", "above 0")),
        (("training", "--model", "gpt2", "--tokens", "1e300", "--accelerator", "h100"), ("tokens", "1e300", "at most")),
        (("training", "--model", "gpt2", "--tokens", "1B", "--accelerator", "tpu"), ("accelerator", "tpu", "TPU v5e", "TPU v5p")),
        (("training", "--model", "gpt2", "--tokens", "1B", "--accelerator", "h100", "--memory-gb", "80e9"),
         ("memory_gb", "80e9", "at most")),
        (("validate", "/nowhere/runs.csv", "--leave-one-out", "row"), ("leave_one", "row", "source")),
        (("scaling", "over-training", "/nowhere/points.csv", "--params", "1B"), ("points", "/nowhere/points.csv", "read")),
        (("training", "--model", "gpt2", "--tokens", "many", "--accelerator", "h100"), ("tokens", "many", "2T")),
        (("training", "--model", "gpt2", "--tokens", "-5", "--accelerator", "h100"), ("tokens", "-5", "above 0")),
        (("training", "--model", "gpt2", "--tokens", "1B", "--accelerator", "h999"), ("accelerator", "h999", "such as")),
        (("training", "--model", "gpt2", "--tokens", "1B", "--accelerator", "h100", "--precision", "fp7"),
         ("precision", "fp7", "bf16")),
        (("training", "--model", "resnet-50", "--tokens", "1B", "--accelerator", "h100", "--parallelism", "tensor=2",
          "--num-accelerators", "2"), ("parallelism.tensor", "2", "decoders")),
        (("training", "--params", "7B", "--tokens", "1B", "--accelerator", "h100", "--num-accelerators", "8",
          "--parallelism", "tensor=3"), ("parallelism", "tensor=3", "divides")),
        (("training", "--params", "7B", "--tokens", "1B", "--accelerator", "h100", "--num-accelerators", "8",
          "--parallelism", "data=1,tensor=8,expert=8"), ("expert", "8")),
        (("training", "--params", "7B", "--tokens", "1B", "--accelerator", "h100", "--num-accelerators", "64",
          "--parallelism", "pipeline=64"), ("pipeline", "64", "layers")),
        (("training", "--params", "7B", "--tokens", "1B", "--accelerator", "h100", "--num-accelerators", "24",
          "--parallelism", "context=3", "--sequence-length", "8192"), ("parallelism.context", "3", "8192")),
        (("training", "--params", "7B", "--tokens", "1B", "--accelerator", "h100", "--num-accelerators", "2.5"),
         ("num_accelerators", "2.5", "whole")),
        (("training", "--params", "7B", "--tokens", "1B", "--accelerator", "h100", "--num-accelerators", "1e9"),
         ("num_accelerators", "1e9", "10,000,000")),
        (("training", "--model", "gpt2", "--active-params", "5M", "--tokens", "1B", "--accelerator", "h100"),
         ("active_params", "5M", "left out")),
        (("serving", "--model", "gpt2", "--accelerator", "h100", "--batch", "many"), ("batch", "many", "max")),
        (("serving", "--model", "gpt2", "--accelerator", "h100", "--weights", "int3"), ("weights", "int3", "int4")),
        (("serving", "--model", "gpt2", "--accelerator", "h100", "--utilisation", "0"), ("utilisation", "0", "above 0")),
        (("serving", "--model", "gpt2", "--accelerator", "h100", "--batch", "0"), ("batch", "0", "whole number from 1")),
        (("serving", "--model", "gpt2", "--accelerator", "RTX PRO 6999"), ("accelerator", "RTX PRO 6999")),
        (("training", "--params", "7B", "--tokens", "1B", "--accelerator", "h100", "--term", "lease"), ("term", "lease", "spot")),
        (("catalogue", "stars"), ("kind", "stars", "accelerators")),
        (("quote", "/nowhere/facts.json"), ("file", "/nowhere/facts.json", "read")),
        (("validate", "/nowhere/runs.csv"), ("csv", "/nowhere/runs.csv", "read")),
    ],
)  # fmt: skip
def test_wrong_input_is_one_sentence(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], words: tuple[str, ...]
) -> None:
    sentence = refusal(capsys, *argv)
    for word in words:
        assert word in sentence


def test_an_unknown_option_is_one_sentence_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--speed" in refusal(capsys, "params", "gpt2", "--speed", "9")


def test_json_is_sorted_and_the_same_each_time() -> None:
    command = [sys.executable, "-m", "economics", *TRAINING, "--price-usd-per-accelerator-hour", "2", "--json"]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout for _ in range(2)
    )
    assert first == second
    parsed = json.loads(first)
    assert first == json.dumps(parsed, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def test_tables_and_explanations_are_readable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TRAINING, "--explain"]) == 0
    printed = capsys.readouterr().out
    assert "accelerator-hours =" in printed
    assert "MFU =" in printed


def test_every_verb_is_a_function_of_the_same_name() -> None:
    from economics import verbs

    for name in verbs.VERBS:
        assert callable(getattr(verbs, name)), name
        assert getattr(verbs, name).__name__ == name


def test_a_validation_of_a_small_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.csv"
    file.write_text(
        "model,params,active_params,hardware,n_chips,parallelism,weight_dtype,framework,scenario,batch_or_concurrency,"
        "input_len,output_len,output_tokens_per_s_total,tokens_per_s_per_user,decode_ms_per_token,source,verified,notes\n"
        "Llama-2-7B,6740000000,,A100-80GB,1,TP1,bf16,x,decode,1,5,200,104.9,104.9,9.53,a/b@1 README,yes,\n"
        "Llama-2-70B,68980000000,,A100-80GB,8,TP8,bf16,x,decode,1,5,200,62.5,62.5,16.0,c/d@1 README,yes,\n"
    )
    result = answer(capsys, "validate", str(file))
    assert result["groups"]["decode"]["num_rows"] == 2
    assert result["groups"]["decode"]["median_abs_ln_error"] < 0.1


def test_a_validation_of_training_rows_leaves_each_source_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = (
        "model,year,params_total,params_active,tokens,hardware,n_chips,gpu_hours,wall_time_h,mfu,hfu,tflops_per_gpu,"
        "tokens_per_s_per_gpu,seq_len,global_batch_tokens,parallelism,mem_gib_per_gpu,row_type,source,source_level,"
        "notes,qc_flag\n"
    )
    rows = [
        "MPT-7b,2023,6658859008,,,a100_80gb,8,,,0.64,,,4641,2048,196608,FSDP MBS6 AC=False,,benchmark,a/b@1,primary,bf16,",
        "MPT-1b,2023,1315950592,,,a100_80gb,8,,,0.60,,,20513,2048,917504,FSDP MBS14 AC=False,,benchmark,a/b@1,primary,bf16,",
        "Llama-3.1-8B x,2024,8030000000,,,H100 SXM,8,,,,,,7200,8192,131072,FSDP8+compile,80.0,benchmark,c/d@2,primary,SAC LBS2,",
        "LLaMA-13B,2023,13000000000,,1e12,A100-80GB SXM,,135168,,,,,,2048,4000000,,,full_run,e/f@3,primary,,",
        "Odd,2023,13000000000,,1e12,A100-80GB SXM,,9,,,,,,2048,4000000,,,full_run,e/f@3,primary,,IMPOSSIBLE",
    ]
    file = tmp_path / "runs.csv"
    file.write_text(columns + "\n".join(rows) + "\n")
    result = answer(capsys, "validate", str(file), "--leave-one-out", "source")
    assert result["groups"]["steady, layout given"]["num_rows"] == 3
    assert result["groups"]["steady, layout given"]["num_clusters"] == 2
    assert result["groups"]["whole runs"]["num_rows"] == 1
    assert result["groups"]["memory"]["num_rows"] == 1
    assert result["groups"]["steady, layout given"]["median_abs_ln_error"] < 0.2
    assert [row["model"] for row in result["rows"] if not row["counts"]] == ["Odd"]
    assert result["rows_left_out"] == []


@pytest.mark.parametrize(
    ("content", "word"),
    [('{"model_type": "llama", "num_hidden_layers": "x"}', "whole number"), ('{"model_type": "nothing"}', "model_type"),
     ('{"model_type": "bert", "hidden_size": [1]}', "whole number"), ("[1]", "object"), ("{", "JSON")],
)  # fmt: skip
def test_a_config_that_cannot_be_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, word: str
) -> None:
    file = tmp_path / "any.json"
    file.write_text(content)
    assert word in refusal(capsys, "params", str(file))


def test_a_layout_says_how_many_devices_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("training", "--params", "7B", "--tokens", "1B", "--accelerator", "h100", "--parallelism")
    assert answer(capsys, *given, "data=4,tensor=2")["num_accelerators"] == 8
    assert answer(capsys, *given, "tensor=8")["num_accelerators"] % 8 == 0
    assert "stands once" in refusal(capsys, *given, "tensor=2,tensor=4")
    serving = ("serving", "--model", "llama-3.1-8b", "--accelerator", "h100", "--parallelism", "tensor=2")
    assert answer(capsys, *serving)["num_accelerators"] == 2


def test_sequences_beyond_a_models_context_are_estimated_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    training = ("training", "--model", "gpt2", "--tokens", "1B", "--accelerator", "h100", "--sequence-length")
    serving = ("serving", "--model", "gpt2", "--accelerator", "h100", "--output-tokens", "24", "--input-tokens")
    for verb, long, fitting in ((training, "2048", "1024"), (serving, "1001", "1000")):
        said = {n: [row["name"] for row in answer(capsys, *verb, n)["assumptions"]] for n in (long, fitting)}
        assert "context_length" in said[long]
        assert "context_length" not in said[fitting]


def test_a_replica_that_tensor_ranks_cannot_fill_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    serving = ("serving", "--model", "llama-3.1-8b", "--accelerator", "h100", "--num-accelerators")
    said = {n: [row["name"] for row in answer(capsys, *serving, n)["assumptions"]] for n in ("2", "3")}
    assert "parallelism.pipeline" in said["3"]
    assert "parallelism.pipeline" not in said["2"]


def test_every_verb_explains_itself() -> None:
    from economics.verbs import VERBS, verb_module

    assert all(callable(getattr(verb_module(name), "explain", None)) for name in VERBS)
