"""A model as people take it away: weights, config, tokenizer and a README, made by the trainer in a process of its own."""

from __future__ import annotations

import shutil
import subprocess  # nosec B404: our own program, without a shell
import sys
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from webapp.runs.models import Checkpoint

EXPORT_SECONDS = 600


class ExportError(Exception):
    """The model could not be made ready for download; the message says why."""


def export_folder(checkpoint: Checkpoint) -> Path:
    """Return the folder with the exported model, made on first use."""
    folder = Path(settings.ISOCOST_FILES) / "exports" / checkpoint.code
    if folder.is_dir():
        return folder
    if not checkpoint.path.is_dir():
        raise ExportError(_("The files of this checkpoint are no longer there."))
    making = folder.with_name(f".making-{checkpoint.code}")
    shutil.rmtree(making, ignore_errors=True)
    making.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "trainer", "export", str(checkpoint.path), "--out", str(making)]
    command += ["--name", f"{checkpoint.run.name}, step {checkpoint.step:,}"]
    try:
        done = subprocess.run(  # nosec B603
            command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=EXPORT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ExportError(_("Making the download took longer than ten minutes and was ended.")) from error
    if done.returncode or not making.is_dir():
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ExportError(lines[-1] if lines else _("The trainer ended without saying why."))
    try:
        making.rename(folder)
    except OSError:  # somebody else was quicker
        shutil.rmtree(making, ignore_errors=True)
    return folder
