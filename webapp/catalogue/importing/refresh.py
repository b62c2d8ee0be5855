"""Today's prices from gpuhunt's public catalogue, where the optional package is installed and there is a network."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from webapp.catalogue.freshness import today
from webapp.catalogue.importing import gpuhunt_rows
from webapp.catalogue.importing.batches import batch_show
from webapp.catalogue.importing.gpuhunt_rows import COLUMNS, NOT_INSTALLED
from webapp.catalogue.importing.reading import NotReadable
from webapp.catalogue.models import ImportBatch
from webapp.teams.models import User

MOST_SECONDS = 60.0
"""That somebody waits at the button for a network which does not answer."""


def refresh(*, made_by: User | None) -> ImportBatch:
    """Fetch the catalogue and show what it would change; raise `NotReadable` with a sentence where that is impossible."""
    text = catalogue_text(_fetched())
    return batch_show(name="gpuhunt.csv", content=text.encode(), provider="", seen_on=today(), made_by=made_by)


def catalogue_text(items: Iterable[dict[str, Any]]) -> str:
    """Write gpuhunt's offers as its own files have them, with the provider beside."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for item in items:
        writer.writerow({name: _cell(item.get(name)) for name in COLUMNS})
    return out.getvalue()


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _fetched() -> list[dict[str, Any]]:
    try:
        done = subprocess.run(
            [sys.executable, gpuhunt_rows.__file__], capture_output=True, text=True, timeout=MOST_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise NotReadable(_failure(_("no answer in %d seconds") % MOST_SECONDS)) from None
    if done.returncode == NOT_INSTALLED:
        raise NotReadable(
            _(
                "The package gpuhunt is not installed. Add it with “pip install gpuhunt”, or upload a file of its catalogue."
            )
        )
    if done.returncode:
        raise NotReadable(_failure(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""))
    return [json.loads(line) for line in done.stdout.splitlines()]


def _failure(why: str) -> str:
    text = _("gpuhunt's catalogue could not be fetched (%(error)s). Without a network, upload a file of it instead.")
    return text % {"error": why[:200]}
