"""The catalogue's first rows: the facts and prices that economics ships, taken in once. What people changed stays.

Run after every migration, so that facts and prices that a release brings arrive with it; what is there is left alone.
"""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any

from economics.catalogue.accelerators import accelerators
from economics.catalogue.prices import offers
from economics.catalogue.purchases import purchases
from economics.hardware import Accelerator as AcceleratorFacts
from webapp.catalogue.models import PEAKS, Accelerator, ApiPrice, Price, PurchasePrice

NUMBERS = (
    *(f"{peak}_flop_per_second" for peak in PEAKS), "memory_bytes", "memory_bytes_per_second",
    "bf16_ceiling_flop_per_second", "fp8_ceiling_flop_per_second", "link_bytes_per_second", "network_bytes_per_second",
    "rated_watts", "server_watts",
)  # fmt: skip


def catalogue_seed() -> None:
    """Take in what is not there yet of economics' accelerators, purchase prices, prices and API prices."""
    known = set(Accelerator.objects.values_list("name", flat=True))
    Accelerator.objects.bulk_create(
        [_accelerator(facts) for name, facts in accelerators().items() if name not in known], ignore_conflicts=True
    )
    rows = {row.name: row for row in Accelerator.objects.only("name")}
    _seed_prices(rows)
    _seed_purchases(rows)
    _seed_api_prices()


def _accelerator(facts: AcceleratorFacts) -> Accelerator:
    return Accelerator(
        name=facts.name, vendor=facts.vendor, family=facts.family, kind=facts.kind, year=facts.year or None,
        num_per_node=facts.num_per_node, is_from_memory=facts.from_memory, source=facts.source, note=facts.note,
        **{name: getattr(facts, name) or None for name in NUMBERS},
    )  # fmt: skip


def _seed_prices(rows: dict[str, Accelerator]) -> None:
    there = {
        (provider, name, count, term, region, seen_on, usd)
        for provider, name, count, term, region, seen_on, usd in Price.objects.values_list(
            "provider", "accelerator_name", "count", "term", "region", "seen_on", "usd_per_hour"
        )
    }
    made = []
    for offer in offers():
        usd = Decimal(repr(offer.usd_per_accelerator_hour)).quantize(Decimal("0.000001"))
        key = (
            offer.provider, offer.accelerator, offer.accelerators_per_instance, offer.term, offer.region, offer.date, usd
        )  # fmt: skip
        if key in there:
            continue
        there.add(key)
        made.append(
            Price(
                provider=offer.provider, accelerator=rows.get(offer.accelerator), accelerator_name=offer.accelerator,
                count=offer.accelerators_per_instance, term=offer.term, region=offer.region, amount=usd, usd_per_hour=usd,
                rate_on=offer.date, seen_on=offer.date, marks=offer.marks, source=offer.source,
            )
        )  # fmt: skip
    Price.objects.bulk_create(made)


def _seed_purchases(rows: dict[str, Accelerator]) -> None:
    there = set(PurchasePrice.objects.values_list("accelerator__name", "usd", "seen_on", "note"))
    made = []
    for purchase in purchases():
        accelerator = rows.get(purchase.accelerator)
        usd = Decimal(repr(purchase.usd)).quantize(Decimal("0.01"))
        key = (purchase.accelerator, usd, purchase.date, purchase.note[:300])
        if accelerator is None or key in there:
            continue
        there.add(key)
        made.append(
            PurchasePrice(
                accelerator=accelerator,
                usd=usd,
                seen_on=purchase.date,
                note=purchase.note[:300],
                source=purchase.source,
            )
        )
    PurchasePrice.objects.bulk_create(made)


def _seed_api_prices() -> None:
    text = resources.files("economics.catalogue").joinpath("apis.toml").read_text(encoding="utf-8")
    there = set(ApiPrice.objects.values_list("name", "seen_on", "input_usd", "output_usd"))
    made = []
    for name, row in tomllib.loads(text).items():
        price = _api_price(name, row)
        if (name, price.seen_on, price.input_usd, price.output_usd) not in there:
            made.append(price)
    ApiPrice.objects.bulk_create(made)


def _api_price(name: str, row: dict[str, Any]) -> ApiPrice:
    def usd(field: str) -> Decimal:
        return Decimal(repr(row[field])).quantize(Decimal("0.000001"))

    seen = row.get("date")
    return ApiPrice(
        name=name, provider=row["provider"], input_usd=usd("input"), cached_usd=usd("cached") if "cached" in row else None,
        output_usd=usd("output"),
        batch_fraction=row.get("batch"), quality=row.get("quality"), seen_on=seen if isinstance(seen, date) else None,
        is_from_memory=bool(row.get("memory", False)), source=row.get("source", ""),
    )  # fmt: skip
