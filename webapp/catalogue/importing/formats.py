"""The formats that are read: our own CSV, SkyPilot's catalogue (vms.csv), and gpuhunt's (<provider>.csv, also in its zip)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.catalogue.importing.names import accelerator_named
from webapp.catalogue.importing.reading import Offer, Reader, Refused, Row, Setting, day, number, offer, term, whole
from webapp.catalogue.models import Term

OWN_COLUMNS = (
    "provider", "accelerator", "instance", "count", "term", "region", "price_per_accelerator_hour", "currency",
    "usd_per_currency", "rate_on", "tax_included", "date", "source", "marks",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A format of files."""

    name: str
    title: Any
    help: Any
    columns: frozenset[str]
    """Those that must be there; by them a file is recognised."""

    reader: Reader


def read_own(row: Row, setting: Setting) -> Iterator[Offer]:
    """A row of our own CSV. Without a currency it is in dollars, without a date of today."""
    if not row.get("accelerator"):
        raise Refused(_("accelerator is empty"))
    currency = (row.get("currency") or "USD").upper()
    rate = number(row, "usd_per_currency") if row.get("usd_per_currency") else Decimal(1)
    if currency != "USD" and not row.get("usd_per_currency"):
        raise Refused(_("the price is in %s, and usd_per_currency is empty") % currency)
    if rate <= 0:
        raise Refused(_("usd_per_currency must be above 0"))
    seen = day(row["date"], "date") if row.get("date") else setting.seen_on
    tax = (row.get("tax_included") or "no").lower()
    if tax not in ("yes", "no", "true", "false", "1", "0"):
        raise Refused(_("tax_included is “%s”; it must be yes or no") % tax[:20])
    yield offer(
        setting,
        provider=(row.get("provider") or setting.provider)[:80],
        accelerator=row["accelerator"],
        instance=row.get("instance", ""),
        count=whole(row, "count") if row.get("count") else 1,
        term=term(row.get("term") or Term.ON_DEMAND),
        region=row.get("region", ""),
        amount=number(row, "price_per_accelerator_hour"),
        currency=currency,
        usd_per_currency=rate,
        rate_on=day(row["rate_on"], "rate_on") if row.get("rate_on") else (seen if currency != "USD" else None),
        has_tax=tax in ("yes", "true", "1"),
        seen_on=seen,
        source=row.get("source") or setting.source,
        marks=row.get("marks", "")[:80],
    )


def read_skypilot(row: Row, setting: Setting) -> Iterator[Offer]:
    """A row of SkyPilot's vms.csv: prices are per instance; a row has one on demand, one of spot, or both."""
    if not row.get("AcceleratorName"):
        return
    count = number(row, "AcceleratorCount")
    if count != count.to_integral_value() or count < 1:
        raise Refused(_("AcceleratorCount is %s: a share of one cannot be compared") % row.get("AcceleratorCount"))
    common: dict[str, Any] = {
        "accelerator": row["AcceleratorName"], "instance": row.get("InstanceType", ""), "count": int(count),
        "region": row.get("AvailabilityZone") or row.get("Region", ""),
    }  # fmt: skip
    priced = [(Term.ON_DEMAND, "Price"), (Term.SPOT, "SpotPrice")]
    found = [(named, column) for named, column in priced if row.get(column)]
    if not found:
        raise Refused(_("neither Price nor SpotPrice is given"))
    for named, column in found:
        yield offer(setting, term=named, amount=number(row, column) / count, **common)


def read_gpuhunt(row: Row, setting: Setting) -> Iterator[Offer]:
    """A row of gpuhunt's catalogue: the price is the instance's; the file's name is the provider."""
    if not row.get("gpu_name") or row.get("gpu_count") in ("", "0", None):
        return
    count = whole(row, "gpu_count")
    memory = float(number(row, "gpu_memory")) if row.get("gpu_memory") else None
    yield offer(
        setting,
        accelerator=accelerator_named(row["gpu_name"], memory_gb=memory)[0],
        instance=row.get("instance_name", ""),
        count=count,
        term=Term.SPOT if row.get("spot", "").lower() == "true" else Term.ON_DEMAND,
        region=row.get("location", ""),
        amount=number(row, "price") / count,
        provider=(row.get("provider") or setting.provider)[:80],
    )


FORMATS = {
    each.name: each
    for each in (
        Format(
            name="own", title=gettext_lazy("Our own CSV"), reader=read_own,
            help=gettext_lazy("One row an offer, prices per accelerator-hour; as “Prices as CSV” writes it."),
            columns=frozenset({"accelerator", "price_per_accelerator_hour"}),
        ),
        Format(
            name="skypilot", title=gettext_lazy("SkyPilot catalogue"), reader=read_skypilot,
            help=gettext_lazy("A vms.csv of its catalogue. It does not name its provider: write it below."),
            columns=frozenset({"InstanceType", "AcceleratorName", "AcceleratorCount", "Price", "Region"}),
        ),
        Format(
            name="gpuhunt", title=gettext_lazy("gpuhunt catalogue"), reader=read_gpuhunt,
            help=gettext_lazy("A provider's CSV of its catalogue, or the whole catalogue.zip."),
            columns=frozenset({"instance_name", "location", "price", "gpu_count", "gpu_name", "spot"}),
        ),
    )
}  # fmt: skip


def format_of(header: set[str]) -> Format | None:
    """Return the format whose columns a header has; None for an unknown one."""
    return next((each for each in FORMATS.values() if each.columns <= header), None)
