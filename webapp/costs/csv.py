"""Tables as CSV. Cells that a spreadsheet would run as a formula are made harmless."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from webapp.costs.models import LedgerEntry
from webapp.ui.cells import safe_cell
from webapp.ui.downloads import disposition

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


def csv_response(rows: Iterable[Sequence[object]], *, columns: Sequence[str], name: str) -> StreamingHttpResponse:
    """Return rows as a CSV download; what is None is an empty cell."""

    def lines() -> Iterator[str]:
        writer = csv.writer(_Line())
        yield writer.writerow(columns)
        for row in rows:
            yield writer.writerow(["" if value is None else safe_cell(value) for value in row])

    headers = {"Content-Disposition": disposition(f"{name}.csv")}
    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=headers)


def ledger_csv(entries: QuerySet[LedgerEntry], *, name: str) -> StreamingHttpResponse:
    """Return every entry as a CSV download."""
    related = entries.select_related("project", "job", "member", "machine", "commitment", "entered_by")
    return csv_response((_row(e) for e in related.iterator()), columns=COLUMNS, name=name)


def _row(e: LedgerEntry) -> list[object]:
    return [
        e.started_at.isoformat(), e.project, e.job, e.job_kind, e.fence, e.outcome, e.member, e.model_label, e.machine,
        e.seconds, e.num_devices, e.usd_per_device_hour, e.billed_usd, e.effective_usd, e.energy_kwh,
        e.energy_is_measured, e.co2e_kg, e.corrects_id, e.note, e.pk, e.kind, e.purpose, e.lost_fraction, e.description,
        e.provider, e.commitment, e.quantity, e.unit, e.currency, e.amount, e.usd_per_currency, e.rate_on, e.entered_by,
        e.created_at.isoformat(),
    ]  # fmt: skip
