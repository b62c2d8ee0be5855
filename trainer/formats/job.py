"""The job kind `export`: a checkpoint in a format of others, offered only once it was run there and said the same."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path

from trainer.context import JobContext
from trainer.events import Artifact, Finished, Progress, Report
from trainer.formats.check import Check, require_agreement
from trainer.formats.spec import FORMATS, ExportSpec

FOLDER = "model"


def run(spec: ExportSpec, context: JobContext) -> Finished:
    """Write `artifacts/model/`, run it, and tell how its answers compare."""
    context.emit(Progress(done=0, total=1, unit="file", phase="writing and running it"))
    folder = context.attempt.artifacts / FOLDER
    check = write_format(spec, folder)
    context.emit(
        Artifact(
            name=FOLDER, path=context.path_in_job(folder), size_bytes=sum(p.stat().st_size for p in files_of(folder))
        )
    )
    context.emit(Report(report={"format": spec.format, "weights": spec.weights, "check": check.as_report()}))
    return Finished(
        result={"largest_difference": check.largest_difference},
        sentence=f"{FORMATS[spec.format].title}: {check.runner} gives the same {check.compared}.",
    )


def write_format(spec: ExportSpec, folder: Path) -> Check:
    """Write the format into a folder that is not there yet; raise and leave nothing where it says something else."""
    module, name = FORMATS[spec.format].writer.split(":")
    writer: Callable[[ExportSpec, Path], Check] = getattr(importlib.import_module(module), name)
    folder.mkdir(parents=True)
    try:
        check = writer(spec, folder)
        require_agreement(check)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return check


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
