"""Invoices: a file is looked at first, then taken; a line that is there already is not taken again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.costs.charges import Charge, FileRefused, Reading, as_fields, charges_read, currencies_of
from webapp.costs.models import ColumnMap, Invoice, InvoiceLine, InvoiceUpload
from webapp.teams.models import Team, User

MAX_FILE_BYTES = 20 * 10**6
NUM_LINES_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What taking a file would add."""

    reading: Reading
    new: list[Charge]
    num_known: int

    @property
    def billed(self) -> Decimal:
        return sum((charge.billed_cost for charge in self.new), Decimal(0))

    @property
    def effective(self) -> Decimal:
        return sum((charge.effective_cost for charge in self.new), Decimal(0))

    @property
    def currencies(self) -> list[str]:
        return currencies_of(self.reading.charges)

    @property
    def shown(self) -> list[Charge]:
        return self.new[:NUM_LINES_SHOWN]

    @property
    def may_take(self) -> bool:
        return bool(self.new) and not self.reading.num_problems and len(self.currencies) == 1


def upload_keep(
    *, team: Team, file_name: str, content: bytes, created_by: User | None, columns: ColumnMap | None, provider: str,
    currency: str,
) -> InvoiceUpload:  # fmt: skip
    """Keep a file for its preview; refuse what is too large or no text."""
    if len(content) > MAX_FILE_BYTES:
        raise FileRefused(_("The file is larger than 20 MB; split it by month."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileRefused(_("The file is not text in UTF-8. Export it as CSV.")) from None
    constants = {name: value for name, value in (("provider", provider), ("currency", currency.upper())) if value}
    return InvoiceUpload.objects.create(
        team=team,
        file_name=file_name[:200],
        text=text.replace("\x00", ""),
        columns=columns.columns if columns else {},
        constants=constants,
        created_by=created_by,
    )


def preview(upload: InvoiceUpload) -> Preview:
    """Return what the file holds and which of it is new; raise `FileRefused` where it cannot be read."""
    reading = charges_read(upload.text, columns=upload.columns, constants=upload.constants)
    known = _known(upload.team, reading.charges)
    new = [charge for charge in reading.charges if charge.fingerprint not in known]
    return Preview(reading=reading, new=new, num_known=len(reading.charges) - len(new))


def _known(team: Team, charges: list[Charge]) -> set[str]:
    prints = [charge.fingerprint for charge in charges]
    rows = InvoiceLine.objects.filter(team=team, fingerprint__in=prints)
    return set(rows.values_list("fingerprint", flat=True))


@transaction.atomic
def invoice_take(
    *, upload: InvoiceUpload, usd_per_currency: Decimal, rate_on: date | None, by: User | None
) -> Invoice:  # fmt: skip
    """Take the new lines of a file and forget the file."""
    Team.objects.select_for_update().get(pk=upload.team_id)  # two takes of the same file, one after the other
    found = preview(upload)
    if not found.may_take:
        raise ValidationError(_("Nothing can be taken from this file; the page says why."))
    currency = found.currencies[0]
    if currency != "USD" and rate_on is None:
        raise ValidationError(_("Say what one %s was worth in USD, and on which day.") % currency)
    if usd_per_currency <= 0:
        raise ValidationError(_("The rate must be above 0."))
    invoice = Invoice.objects.create(
        team=upload.team,
        provider=_most(found.new, "provider") or _("unknown"),
        number=_most(found.new, "number"),
        file_name=upload.file_name,
        currency=currency,
        usd_per_currency=Decimal(1) if currency == "USD" else usd_per_currency,
        rate_on=rate_on,
        first_day=min(timezone.localtime(c.starts_at).date() for c in found.new),
        last_day=max(timezone.localtime(c.ends_at - timedelta(microseconds=1)).date() for c in found.new),
        created_by=by,
    )
    InvoiceLine.objects.bulk_create(
        [InvoiceLine(invoice=invoice, team=upload.team, fingerprint=c.fingerprint, **as_fields(c)) for c in found.new],
        batch_size=2000,
    )
    upload.delete()
    return invoice


def _most(charges: list[Charge], name: str) -> str:
    """Return the value that most of the lines carry."""
    values = [value for charge in charges if (value := getattr(charge, name))]
    return max(set(values), key=values.count) if values else ""
