"""`python -m trainer train`: one training run on a prepared version.

python -m trainer train --data prepared/ --preset nano --steps 500
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from trainer.cli.jobs import add_job_options, make_job, run_job
from trainer.cli.settings import add_set_option, apply_settings
from trainer.data.manifest import read_manifest
from trainer.errors import InputError, SpecError
from trainer.families import DataFacts, Family, default_family, families, get_family, shrunk_model
from trainer.folder import JobFolder

LONGEST_DEFAULT_SEQUENCE = 256


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("train", help="train a model", formatter_class=argparse.RawDescriptionHelpFormatter)
    add_spec_options(parser)
    add_job_options(parser)
    parser.set_defaults(command=command)


def add_spec_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which run is meant: `spec_dict` reads it."""
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that prepare wrote, or a prepared version in it"
    )
    parser.add_argument("--family", help=f"kind of model: {', '.join(families())}; default: {default_family().name}")
    parser.add_argument("--preset", help="size by name; default: the family's smallest")
    parser.add_argument(
        "--from",
        dest="source",
        help="start from this model: a checkpoint, job folder or exported model of ours, a folder of Hugging Face or timm, a "
        ".safetensors file of torchvision, or, with a network, a name on the hub",
    )
    parser.add_argument(
        "--prune",
        choices=["magnitude", "structured"],
        help="make the model of --from smaller first. magnitude: weights become zero; structured: heads, neurons or channels go",
    )
    parser.add_argument("--fraction", type=float, default=0.5, help="with --prune: the share that goes; default: 0.5")
    parser.add_argument(
        "--teacher",
        type=Path,
        help="learn from the answers of this model, too: a checkpoint or job folder of the same family, with the same tokenizer "
        "or classes; --set distil.temperature and distil.weight say how",
    )
    parser.add_argument("--steps", type=int, default=1_000, help="optimiser steps; default: %(default)s")
    parser.add_argument(
        "--processes", help="processes that share each step: a number, or auto, one for each CUDA device"
    )
    parser.add_argument(
        "--strategy",
        choices=("auto", "ddp", "fsdp"),
        help="with several processes: ddp, each holds the whole model, or fsdp, each a part; auto: ddp where it fits",
    )
    add_set_option(parser)


def command(options: argparse.Namespace) -> int:
    return run_job(make_job(options.out, spec_dict(options)), options)


def spec_dict(options: argparse.Namespace) -> dict[str, Any]:
    """Return the plain form of the spec that the options describe."""
    family, model = options.family, None
    if options.source:
        from trainer.adapt.hub import located

        options.source = located(options.source)
        family, model = model_of(options.source, family)
    raw = train_dict(
        data=options.data,
        family=family or family_for(options.data),
        preset=options.preset,
        steps=options.steps,
        model=model,
    )
    if options.source:
        raw["transfer"] = {"source": str(options.source.resolve())}
    if options.prune:
        raw |= pruned_dict(raw["family"], model, method=options.prune, fraction=options.fraction)
    if options.teacher:
        from trainer.inference.find import find_checkpoint

        raw["distil"] = {"teacher": str(find_checkpoint(options.teacher).resolve())}
    for name in ("processes", "strategy"):
        if (wanted := getattr(options, name)) is not None:
            apply_settings(raw, [f"parallel.{name}={wanted}"])
    apply_settings(raw, options.set)
    return raw


def pruned_dict(family: str, model: Any, *, method: str, fraction: float) -> dict[str, Any]:
    """Return the parts of a spec that prune a model: how, and where whole parts go, the smaller sizes."""
    if model is None:
        raise SpecError("--prune makes a trained model smaller: say with --from which one")
    if method == "magnitude":
        return {"prune": {"method": method, "fraction": fraction}}
    return {
        "prune": {"method": method},
        "model": msgspec.to_builtins(shrunk_model(get_family(family), model, fraction)),
    }


def model_of(source: Path, family: str | None) -> tuple[str, Any]:
    """Return the family and the settings of a model to start from."""
    from trainer.adapt.source import read_source

    found = read_source(source)
    if family and found.family in get_family(family).starts_from:
        return family, None
    if family and family != found.family:
        raise SpecError(f"--family is {family}, but {source} holds a model of family {found.family}")
    return found.family, found.model


def train_dict(*, data: Path, family: str, preset: str | None, steps: int, model: Any = None) -> dict[str, Any]:
    """Return the plain form of a spec, with what follows from the size and the number of steps filled in."""
    found = get_family(family)
    name = preset or next(iter(found.presets))
    if name not in found.presets:
        raise SpecError(f"preset {name!r} is unknown; the presets of {family} are {', '.join(found.presets)}")
    model = model or found.presets[name]
    longest = getattr(model, "context_length", LONGEST_DEFAULT_SEQUENCE)
    model = suited_model(found, model, data)
    made: dict[str, Any] = {
        "kind": "train",
        "family": family,
        "model": msgspec.to_builtins(model),
        "data": {"path": str(prepared_folder(data).resolve())},
        "batch": {"sequence_length": min(longest, LONGEST_DEFAULT_SEQUENCE)},
        "schedule": {"num_steps": steps, "warmup_steps": min(100, max(steps // 10, 0))},
        "evaluation": {"every_steps": max(steps // 10, 1)},
        "checkpoint": {"every_steps": max(steps // 10, 1)},
    }
    for part, settings in found.defaults.items():
        made[part] = {**settings, **made.get(part, {})}
    return made


def family_for(data: Path) -> str:
    """Return the family that is meant where none is named: the usual one, or the first that learns from such data."""
    kind = data_kind_of(data)
    usual = default_family()
    if kind in usual.data_kinds:
        return usual.name
    return next((family.name for family in families().values() if kind in family.data_kinds), usual.name)


def suited_model(family: Family, model: Any, data: Path) -> Any:
    """Return the model's settings as its family has them for data of this kind."""
    kind = data_kind_of(data)
    if family.suited is None or kind not in family.other_data_kinds:
        return model
    return replace(model, **family.suited(DataFacts(data_kind=kind)))


def data_kind_of(data: Path) -> str:
    """Return the kind of prepared data; `text` where there is none to look at, which the job will say."""
    try:
        return read_manifest(prepared_folder(data)).data_kind
    except InputError:
        return "text"


def prepared_folder(path: Path) -> Path:
    """Return the folder of a prepared version: `path` itself, or what the job of `prepare` in it made last."""
    if (path / "manifest.json").exists():
        return path
    job = JobFolder(path)
    made = [job.attempt(fence).artifacts / "version" for fence in job.fences()]
    return next((folder for folder in reversed(made) if (folder / "manifest.json").exists()), path)
