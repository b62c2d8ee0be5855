"""Today's prices from gpuhunt's public catalogue, where the optional package is installed and there is a network."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from webapp.catalogue.freshness import today
from webapp.catalogue.importing.batches import batch_show
from webapp.catalogue.importing.reading import NotReadable
from webapp.catalogue.models import ImportBatch
from webapp.teams.models import User

COLUMNS = (
    "provider", "instance_name", "location", "price", "cpu", "memory", "gpu_count", "gpu_name", "gpu_memory", "spot",
)  # fmt: skip


def refresh(*, made_by: User | None) -> ImportBatch:
    """Fetch the catalogue and show what it would change; raise `NotReadable` with a sentence where that is impossible."""
    text = catalogue_text(_fetched())
    return batch_show(name="gpuhunt.csv", content=text.encode(), provider="", seen_on=today(), made_by=made_by)


def catalogue_text(items: Iterable[Any]) -> str:
    """Write gpuhunt's items as its own files have them, with the provider beside."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for item in items:
        writer.writerow({name: _cell(getattr(item, name, None)) for name in COLUMNS})
    return out.getvalue()


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _fetched() -> list[Any]:
    try:
        import gpuhunt
    except ImportError:
        raise NotReadable(
            _(
                "The package gpuhunt is not installed. Add it with “pip install gpuhunt”, or upload a file of its catalogue."
            )
        ) from None
    try:
        catalogue = gpuhunt.Catalog(auto_reload=False)
        catalogue.load()
        return list(catalogue.query(min_gpu_count=1))
    except Exception as error:  # whatever the network, its server or a package of another age brings
        raise NotReadable(
            _("gpuhunt's catalogue could not be fetched (%(error)s). Without a network, upload a file of it instead.")
            % {"error": f"{type(error).__name__}: {error}"[:200]}
        ) from error
