"""A batch of prices: shown with what it would change, then taken in or left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.catalogue.importing.files import read_file
from webapp.catalogue.importing.names import accelerator_rows
from webapp.catalogue.importing.reading import NotReadable, Offer
from webapp.catalogue.models import ImportBatch, Price
from webapp.catalogue.services import OFFER
from webapp.teams.models import User

Key = tuple[str, str, str, int, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """An offer of a file against the newest price of the same offer; `before` is None where there is none."""

    offer: Offer
    before: Price | None

    @property
    def kind(self) -> str:
        """`added`, `changed`, `same`, or `older`: seen before the price that is there, so it changes nothing today."""
        if self.before is None:
            return "added"
        if self.before.seen_on is not None and self.offer.seen_on < self.before.seen_on:
            return "older"
        same = self.before.usd_per_hour == self.offer.usd_per_hour and self.before.has_tax == self.offer.has_tax
        return "same" if same else "changed"

    @property
    def ratio(self) -> float | None:
        """New over old, less 1."""
        if self.before is None or not self.before.usd_per_hour:
            return None
        return float(self.offer.usd_per_hour / self.before.usd_per_hour) - 1


def batch_show(*, name: str, content: bytes, provider: str, seen_on: date, made_by: User | None) -> ImportBatch:
    """Read a file and keep what it says, to be looked at; nothing is taken in yet. Raises `NotReadable`."""
    form, read = read_file(name, content, provider=provider.strip(), seen_on=seen_on)
    if not read.offers and not read.refused:
        raise NotReadable(_("The file has no row with an accelerator."))
    offers = _cheapest_of_each(read.offers)
    changes = compare(offers)
    counts = dict.fromkeys(("added", "changed", "same", "older"), 0)
    for change in changes:
        counts[change.kind] += 1
    return ImportBatch.objects.create(
        format=form.name,
        name=name[:200],
        provider=provider.strip()[:80],
        rows=[offer.to_dict() for offer in offers],
        refused=[[line, why] for line, why in read.refused],
        counts={**counts, "refused": read.num_refused, "without": read.num_without_accelerator},
        made_by=made_by,
    )


def batch_changes(batch: ImportBatch) -> list[Change]:
    """Return what the batch would change now."""
    return compare([Offer.from_dict(row) for row in batch.rows])


@transaction.atomic
def batch_take(*, batch: ImportBatch) -> int:
    """Take a shown batch in and return how many prices were added. Twice is once; nothing old is touched.

    The same price seen again on a later day is added as well: it is fresh again.
    """
    batch = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if batch.state != ImportBatch.State.SHOWN:
        return 0
    accelerators = accelerator_rows()
    made = []
    for change in batch_changes(batch):
        is_new_day = change.before is None or change.before.seen_on != change.offer.seen_on
        if change.kind in ("added", "changed") or (change.kind == "same" and is_new_day):
            made.append(_price(change.offer, batch, accelerators))
    Price.objects.bulk_create(made, batch_size=1_000)
    batch.state, batch.taken_at, batch.rows = ImportBatch.State.TAKEN, timezone.now(), []
    batch.save(update_fields=["state", "taken_at", "rows"])
    return len(made)


def batch_leave(*, batch: ImportBatch) -> None:
    """Leave a shown batch; what it held is forgotten, that it was looked at is kept."""
    ImportBatch.objects.filter(pk=batch.pk, state=ImportBatch.State.SHOWN).update(state=ImportBatch.State.LEFT, rows=[])


def compare(offers: Iterable[Offer]) -> list[Change]:
    """Return each offer against the newest price of the same offer."""
    wanted = list(offers)
    there = newest_by_offer({offer.provider for offer in wanted})
    return [Change(offer=offer, before=there.get(_key(offer))) for offer in wanted]


def newest_by_offer(providers: set[str]) -> dict[Key, Price]:
    rows = Price.objects.filter(provider__in=providers)
    newest = rows.order_by(*OFFER, F("seen_on").desc(nulls_last=True), "-id").distinct(*OFFER)
    return {tuple(getattr(row, name) for name in OFFER): row for row in newest}  # type: ignore[misc]


def _key(offer: Offer) -> Key:
    return (offer.provider, offer.accelerator, offer.instance, offer.count, offer.term, offer.region)


def _cheapest_of_each(offers: Iterable[Offer]) -> list[Offer]:
    """Return one row an offer: a file may list an instance once a zone or once a processor, at different prices."""
    best: dict[Key, Offer] = {}
    for offer in offers:
        key = _key(offer)
        if key not in best or offer.usd_per_hour < best[key].usd_per_hour:
            best[key] = offer
    return list(best.values())


def _price(offer: Offer, batch: ImportBatch, accelerators: dict[str, Any]) -> Price:
    return Price(
        provider=offer.provider, accelerator=accelerators.get(offer.accelerator), accelerator_name=offer.accelerator,
        instance=offer.instance, count=offer.count, term=offer.term, region=offer.region, amount=offer.amount,
        currency=offer.currency, usd_per_currency=offer.usd_per_currency.quantize(Decimal("0.00000001")),
        rate_on=offer.rate_on, usd_per_hour=offer.usd_per_hour, has_tax=offer.has_tax, seen_on=offer.seen_on,
        marks=offer.marks, source=offer.source, batch=batch,
    )  # fmt: skip
