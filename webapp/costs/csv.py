"""The ledger as CSV. Cells that a spreadsheet would run as a formula are made harmless."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from webapp.costs.models import LedgerEntry
from webapp.ui.cells import safe_cell

COLUMNS = (
    "started_at", "project", "job", "job_kind", "attempt", "outcome", "member", "model", "machine", "seconds", "devices",
    "usd_per_device_hour", "billed_usd", "effective_usd", "energy_kwh", "energy_measured", "co2e_kg", "corrects", "note",
)  # fmt: skip


class _Line:
    """A file that hands each written line back, so that the table streams."""

    def write(self, text: str) -> str:
        return text


def ledger_csv(entries: QuerySet[LedgerEntry], *, name: str) -> StreamingHttpResponse:
    """Return every entry as a CSV download."""

    def lines() -> Iterator[str]:
        writer = csv.writer(_Line())
        yield writer.writerow(COLUMNS)
        for e in entries.select_related("project", "job", "member", "machine").iterator():
            yield writer.writerow([safe_cell(value) for value in _row(e)])

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=headers)


def _row(e: LedgerEntry) -> list[object]:
    return [
        e.started_at.isoformat(), e.project, e.job, e.job_kind, e.fence, e.outcome, e.member or "", e.model_label,
        e.machine or "", e.seconds, e.num_devices, e.usd_per_device_hour, e.billed_usd, e.effective_usd, e.energy_kwh,
        e.energy_is_measured, e.co2e_kg, e.corrects_id or "", e.note,
    ]  # fmt: skip
