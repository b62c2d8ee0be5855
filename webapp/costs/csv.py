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
    "id", "kind", "purpose", "lost_fraction", "description", "provider", "commitment", "quantity", "unit", "currency",
    "amount", "usd_per_currency", "rate_on", "entered_by", "written_at",
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
        for e in entries.select_related("project", "job", "member", "machine", "commitment", "entered_by").iterator():
            yield writer.writerow([safe_cell(value) for value in _row(e)])

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=headers)


def _row(e: LedgerEntry) -> list[object]:
    return [
        e.started_at.isoformat(), e.project or "", e.job or "", e.job_kind, _known(e.fence), e.outcome, e.member or "",
        e.model_label, e.machine or "", e.seconds, e.num_devices, _known(e.usd_per_device_hour), e.billed_usd,
        e.effective_usd, e.energy_kwh, e.energy_is_measured, e.co2e_kg, e.corrects_id or "", e.note, e.pk, e.kind,
        e.purpose, e.lost_fraction, e.description, e.provider, e.commitment or "", _known(e.quantity), e.unit,
        e.currency, _known(e.amount), e.usd_per_currency, e.rate_on or "", e.entered_by or "",
        e.created_at.isoformat(),
    ]  # fmt: skip


def _known(value: object) -> object:
    """Return an empty cell for what is not known; 0 is a number."""
    return "" if value is None else value
