"""Rows of published training runs: what each says of its inputs, and what it measured."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from economics.architecture.decoder import Decoder
from economics.architecture.forms import classic_decoder
from economics.architecture.lookup import find_architecture
from economics.architecture.sizing import decoder_of_size, mixture_of_size, usual_aspect
from economics.catalogue.accelerators import find_accelerator
from economics.errors import EconomicsError
from economics.flop.decoder import Recompute, training_flop_per_token
from economics.hardware import Accelerator, variant
from economics.layout import Layout
from economics.memory.activations import Attention
from economics.memory.states import Precision
from economics.validation.parallelism import parse_parallelism
from economics.validation.rows import row_numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """One published run or benchmark."""

    model: str
    cluster: str
    """Rows of one source and kind count as one cluster."""
    source_level: str
    flagged: bool
    kind: str
    """full_run, benchmark or benchmark_to_target."""
    decoder: Decoder
    accelerator: Accelerator
    num_accelerators: int
    sequence_length: int
    batch_tokens: float | None
    tokens: float | None
    layout: Layout | None
    micro_batch: int | None
    recompute: Recompute | None
    schedule_told: bool
    """The stages per pipeline rank are said."""
    precision: Precision
    fused: bool
    attention: Attention
    recent: bool
    """Software of 2024 and later that may bring kernels for the device (a plain sharding library does not)."""
    early: bool
    """A library of before sequence parallelism and fused attention: dropout, whole sequences on every tensor rank."""
    measured_tokens_per_second: float | None
    """Per accelerator, in steady state."""
    measured_hours: float | None
    measured_reserved_bytes: float | None

    @property
    def source(self) -> str:
        """The source alone: its kinds of rows are left out together."""
        return self.cluster.rsplit(" ", maxsplit=1)[0]


def _device(text: str) -> Accelerator:
    device = find_accelerator(text)
    memory = re.search(r"(\d+)\s*GB", text)
    bandwidth = re.search(r"([\d.]+)\s*TB/s", text)
    watts = re.search(r"(\d+)\s*W\b", text)
    return variant(
        device,
        memory_gb=float(memory.group(1)) if memory else None,
        memory_bandwidth_gb_per_second=1000 * float(bandwidth.group(1)) if bandwidth else None,
        power_watts=float(watts.group(1)) if watts else None,
    )


def _decoder(
    name: str, total: float | None, active: float | None, notes: str, sequence_length: int, pipeline: int
) -> Decoder | None:
    shape = re.search(r"heads (\d+) hidden (\d+) layers (\d+)", notes)
    if shape:
        heads, width, layers = (int(g) for g in shape.groups())
        return classic_decoder(
            num_layers=layers, model_width=width, num_heads=heads, vocabulary_size=51200,
            context_length=sequence_length, name=name,
        )  # fmt: skip
    words = re.sub(r"\(.*?\)|\b\d+xH?\w+|long-ctx|@.*|Megatron.*", "", name).strip().replace(" ", "-")
    for candidate in (name, words, re.sub(r"[-\s]*(run|base).*", "", words)):
        try:
            found, _ = find_architecture(candidate)
        except EconomicsError:
            continue
        if isinstance(found, Decoder):
            size = found.parameters().total
            if total is None or abs(size / total - 1) < 0.08:
                return found
    if total is None or total < 1e7:
        return None
    if active and active < 0.85 * total:
        return mixture_of_size(total, active)
    if re.match(r"MPT|GPT|Megatron|OPT|BLOOM|Pythia|MT-NLG", name, re.IGNORECASE):
        return classic_of_size(total, sequence_length, pipeline)
    return decoder_of_size(float(total))


def classic_of_size(total: float, context_length: int, pipeline: int = 1) -> Decoder:
    """Return a decoder in the classic form (two-matrix feed-forward) near a number of parameters.

    A known pipeline tells something of the depth: its layers are a whole multiple of the stages.

    >>> found = classic_of_size(530e9, 2048, pipeline=35)
    >>> found.num_layers % 35, abs(found.parameters().total / 530e9 - 1) < 0.05
    (0, True)
    """
    vocabulary = 50304
    usual = decoder_of_size(float(total), vocabulary_size=vocabulary)
    head = 128 if total >= 1e9 else 64
    layers = max(1, round((total / 12 / usual_aspect(total) ** 2) ** (1 / 3)))
    if total < 1e9:
        layers = max(1, round((total - vocabulary * usual.model_width) / (12 * usual.model_width**2)))
    layers = max(pipeline, round(layers / pipeline) * pipeline)
    width = head
    while classic_decoder(
        num_layers=layers, model_width=width + head // 2, num_heads=1, vocabulary_size=vocabulary,
        context_length=context_length,
    ).parameters().total < total:  # fmt: skip
        width += head
    # heads that tensor parallelism of eight divides, where the width allows
    num_heads = width // head
    if num_heads > 8 and num_heads % 8:
        num_heads = max(8, round(num_heads / 8) * 8)
        width = -(-width // num_heads) * num_heads
    return classic_decoder(
        num_layers=layers, model_width=width, num_heads=num_heads, vocabulary_size=vocabulary,
        context_length=context_length,
    )  # fmt: skip


def read_run(row: dict[str, str]) -> RunRow | None:
    """Turn a row of published_runs.csv into inputs and measurements; None where it is no decoder's run.

    Raises
    ------
    EconomicsError : if its accelerator is not known, or a cell is no number above 0
    """
    get, number = row.get, row_numbers(row)
    notes, plan = get("notes") or "", get("parallelism") or ""
    total, active = number("params_total"), number("params_active")
    num = int(number("n_chips") or 0)
    hours, wall = number("gpu_hours"), number("wall_time_h")
    if not num and hours and wall:
        num = round(hours / wall)
    sequence = int(number("seq_len") or 2048)
    device = _device(get("hardware") or "")
    told = parse_parallelism(f"{plan} {notes}", num)
    stages = told.layout.pipeline if told.layout else 1
    decoder = _decoder(get("model") or "", total, active, notes, sequence, stages)
    if decoder is None:
        return None
    recompute = told.recompute
    if recompute is None and number("hfu") and not number("mfu"):
        recompute = "full"  # only what counts recomputing is printed
    year = int(number("year") or 2024)
    # before fused attention was common, selective recomputing was about the softmax square
    attention: Attention = "unfused" if year <= 2022 else "flash"
    eager = "eager" in notes or ("FSDP" in plan and "compile" not in plan)
    # compilers came into use in 2023: whole runs until then ran element-wise work eagerly, but for libraries of
    # tensor and pipeline parallelism, which have brought their own fused kernels since 2020
    eager = eager or (get("row_type") == "full_run" and year <= 2023 and not plan.strip())
    eager = eager and "fused kernels" not in notes and not device.steady_clock  # those run compiled graphs alone
    named = told.layout is not None and told.layout.zero < 3
    batch = number("global_batch_tokens")
    fp8 = bool(re.search(r"(?<![a-z])(?:amp_|mx)?fp8\b", re.sub(r"w/o fp8", "", f"{plan} {notes}"), re.IGNORECASE))
    run = RunRow(
        model=get("model") or "",
        cluster=_cluster(row),
        source_level=get("source_level") or "",
        flagged=bool(get("qc_flag")),
        kind=get("row_type") or "",
        decoder=decoder,
        accelerator=device,
        num_accelerators=num,
        sequence_length=sequence,
        batch_tokens=batch,
        tokens=number("tokens"),
        layout=told.layout,
        micro_batch=told.micro_batch,
        recompute=recompute,
        schedule_told=told.schedule_told,
        precision="fp8" if fp8 else "bf16",
        fused=not eager,
        attention=attention,
        recent=year >= 2024 and "FSDP" not in plan,
        early=named and attention == "unfused" and recompute == "full",
        measured_tokens_per_second=None,
        measured_hours=hours,
        measured_reserved_bytes=(number("mem_gib_per_gpu") or 0) * 2**30 or None,
    )
    return replace(run, measured_tokens_per_second=_measured_rate(row, run))


def _cluster(row: dict[str, str]) -> str:
    source = row.get("source") or ""
    named = re.search(r"arXiv\s?[\d.]+|[\w.-]+/[\w.-]+", source)
    name = named.group(0) if named else source[:24]
    return f"{name.replace(' ', '')} {row.get('row_type')}"


def _measured_rate(row: dict[str, str], run: RunRow) -> float | None:
    """Tokens per second and device: as printed, or from the FLOP rate or utilisation that the row prints."""
    if run.kind != "benchmark":
        return None
    number = row_numbers(row)
    rate = number("tokens_per_s_per_gpu")
    if rate:
        return rate
    flop = training_flop_per_token(run.decoder, run.sequence_length).total
    peak = run.accelerator.peak("bf16")
    tera, mfu, hfu = number("tflops_per_gpu"), number("mfu"), number("hfu")
    if tera and not (hfu and not mfu):
        return tera * 1e12 / flop
    if mfu:
        return mfu * peak / flop
    if hfu:
        again = training_flop_per_token(run.decoder, run.sequence_length, recompute="full").total
        return (tera * 1e12 if tera else hfu * peak) / again
    return None


def usable(run: RunRow) -> bool:
    """Say whether a row may be fitted to: primary, unflagged."""
    return run.source_level == "primary" and not run.flagged


def as_dict(run: RunRow) -> dict[str, Any]:
    """The row's inputs in short, for reports."""
    return {
        "model": run.model,
        "cluster": run.cluster,
        "accelerator": run.accelerator.name,
        "num_accelerators": run.num_accelerators,
        "sequence_length": run.sequence_length,
    }
