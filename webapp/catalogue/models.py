"""Accelerators, what an hour of them costs, and what models behind an API cost; a team's own terms are in `team_models`.

Prices are never overwritten: a new one is a new row, and the newest of the same offer is the one that holds. So a page
of a past day shows the prices of that day.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from economics.catalogue.accelerators import accelerators
from economics.hardware import Accelerator as AcceleratorFacts
from webapp.catalogue.team_models import Contract, ContractUse, OwnHardware
from webapp.teams.models import User

__all__ = [
    "PEAKS", "Accelerator", "ApiPrice", "Contract", "ContractUse", "ImportBatch", "OwnHardware", "Price",
    "PurchasePrice", "Term",
]  # fmt: skip
PEAKS = ("fp32", "tf32", "bf16", "fp8", "int8", "fp4")


class Term(models.TextChoices):
    ON_DEMAND = "on-demand", _("on demand")
    SPOT = "spot", _("spot")
    RESERVED_1Y = "reserved-1y", _("reserved, 1 year")
    RESERVED_3Y = "reserved-3y", _("reserved, 3 years")


class Accelerator(models.Model):
    """What an accelerator can do, as its vendor states and as large products measured. Empty is unknown."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    vendor = models.CharField(_("vendor"), max_length=40)
    family = models.CharField(_("family"), max_length=40)
    kind = models.CharField(_("kind"), max_length=12, default="accelerator")
    year = models.PositiveSmallIntegerField(_("year"), null=True, blank=True)
    memory_bytes = models.FloatField(_("memory, bytes"), null=True, blank=True)
    memory_bytes_per_second = models.FloatField(_("memory bandwidth, bytes per second"), null=True, blank=True)
    fp32_flop_per_second = models.FloatField(_("fp32 peak, FLOP/s"), null=True, blank=True)
    tf32_flop_per_second = models.FloatField(_("tf32 peak, FLOP/s"), null=True, blank=True)
    bf16_flop_per_second = models.FloatField(_("bf16 peak, FLOP/s"), null=True, blank=True)
    fp8_flop_per_second = models.FloatField(_("fp8 peak, FLOP/s"), null=True, blank=True)
    int8_flop_per_second = models.FloatField(_("int8 peak, OP/s"), null=True, blank=True)
    fp4_flop_per_second = models.FloatField(_("fp4 peak, FLOP/s"), null=True, blank=True)
    bf16_ceiling_flop_per_second = models.FloatField(_("bf16 measured, FLOP/s"), null=True, blank=True)
    fp8_ceiling_flop_per_second = models.FloatField(_("fp8 measured, FLOP/s"), null=True, blank=True)
    link_bytes_per_second = models.FloatField(_("link in the node, bytes per second"), null=True, blank=True)
    network_bytes_per_second = models.FloatField(_("network, bytes per second"), null=True, blank=True)
    num_per_node = models.PositiveSmallIntegerField(_("in a node"), default=8)
    rated_watts = models.FloatField(_("rated power, W"), null=True, blank=True)
    server_watts = models.FloatField(_("with its share of the server, W"), null=True, blank=True)
    is_from_memory = models.BooleanField(_("recalled, not read again"), default=False)
    source = models.TextField(_("source"))
    note = models.TextField(_("note"), blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("accelerator-detail", args=[self.pk])

    def facts(self) -> AcceleratorFacts:
        """Return the accelerator as economics reckons with it; there 0 is unknown."""
        names = [f"{peak}_flop_per_second" for peak in PEAKS] + [
            "memory_bytes", "memory_bytes_per_second", "bf16_ceiling_flop_per_second", "fp8_ceiling_flop_per_second",
            "link_bytes_per_second", "network_bytes_per_second", "rated_watts", "server_watts",
        ]  # fmt: skip
        shipped = accelerators().get(self.name)
        numbers: dict[str, Any] = {name: getattr(self, name) or 0.0 for name in names}
        return AcceleratorFacts(
            name=self.name, vendor=self.vendor, family=self.family, kind=self.kind, year=self.year or 0,  # type: ignore[arg-type]
            num_per_node=self.num_per_node, from_memory=self.is_from_memory, source=self.source, note=self.note,
            steady_clock=bool(shipped and shipped.steady_clock), **numbers,
        )  # fmt: skip


class PurchasePrice(models.Model):
    """What one accelerator was sold for."""

    accelerator = models.ForeignKey(Accelerator, on_delete=models.PROTECT, related_name="purchases")
    usd = models.DecimalField(_("USD"), max_digits=12, decimal_places=2)
    seen_on = models.DateField(_("seen on"))
    note = models.CharField(_("note"), max_length=300, blank=True)
    source = models.TextField(_("source"))

    class Meta:
        ordering = ("-seen_on",)

    def __str__(self) -> str:
        return f"{self.accelerator} {self.usd} USD"


class ImportBatch(models.Model):
    """A file of prices that was read: first shown with what it would change, then taken in, or left."""

    class State(models.TextChoices):
        SHOWN = "shown", _("shown")
        TAKEN = "taken", _("taken in")
        LEFT = "left", _("left")

    format = models.CharField(_("format"), max_length=12)
    name = models.CharField(_("file"), max_length=200)
    provider = models.CharField(_("provider"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=6, choices=State.choices, default=State.SHOWN)
    rows = models.JSONField(default=list)  # offers as they were read, until they are taken in
    refused = models.JSONField(default=list)  # [line, sentence]
    counts = models.JSONField(default=dict)  # added, changed, same, refused
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "import batches"
        ordering = ("-made_at",)

    def __str__(self) -> str:
        return self.name


class Price(models.Model):
    """One offer of an accelerator-hour as it was seen on a day. Append-only; the newest of the same offer holds."""

    provider = models.CharField(_("provider"), max_length=80)
    accelerator = models.ForeignKey(
        Accelerator, on_delete=models.PROTECT, null=True, blank=True, related_name="prices"
    )  # null: one that the catalogue does not know
    accelerator_name = models.CharField(_("accelerator, as the provider names it"), max_length=80)
    instance = models.CharField(_("instance"), max_length=120, blank=True)
    count = models.PositiveSmallIntegerField(_("accelerators in it"), default=1)
    term = models.CharField(_("term"), max_length=12, choices=Term.choices, default=Term.ON_DEMAND)
    region = models.CharField(_("region"), max_length=120, blank=True)
    amount = models.DecimalField(_("price per accelerator-hour"), max_digits=14, decimal_places=6)
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    usd_per_currency = models.DecimalField(_("USD for one of it"), max_digits=14, decimal_places=8, default=1)
    rate_on = models.DateField(_("rate of"), null=True, blank=True)
    usd_per_hour = models.DecimalField(_("USD per accelerator-hour"), max_digits=14, decimal_places=6)
    has_tax = models.BooleanField(_("tax included"), default=False)
    seen_on = models.DateField(_("seen on"), null=True, blank=True)  # null: undated
    marks = models.CharField(_("marks"), max_length=80, blank=True)
    source = models.TextField(_("source"))
    batch = models.ForeignKey(ImportBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="prices")
    added_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("usd_per_hour", "provider")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0, usd_per_hour__gte=0), name="price_not_negative"),
            models.CheckConstraint(condition=Q(count__gte=1), name="price_of_at_least_one"),
            models.CheckConstraint(condition=Q(usd_per_currency__gt=0), name="price_rate_above_zero"),
            models.CheckConstraint(condition=Q(term__in=Term.values), name="price_term_known"),
        ]
        indexes = [models.Index(fields=["accelerator", "term", "-seen_on"], name="price_of_accelerator")]

    def __str__(self) -> str:
        return f"{self.provider} {self.accelerator_name} {self.term} {self.usd_per_hour} USD/h"

    def age_days(self, at: date) -> int | None:
        """Return the days since it was seen; None if it is undated."""
        return None if self.seen_on is None else (at - self.seen_on).days


class ApiPrice(models.Model):
    """What a model behind an API costs, per million tokens. Append-only, like prices."""

    name = models.CharField(_("model"), max_length=120)
    provider = models.CharField(_("provider"), max_length=80)
    input_usd = models.DecimalField(_("input, USD per million tokens"), max_digits=12, decimal_places=6)
    cached_usd = models.DecimalField(
        _("cached input, USD per million"), max_digits=12, decimal_places=6, null=True, blank=True
    )
    output_usd = models.DecimalField(_("output, USD per million tokens"), max_digits=12, decimal_places=6)
    batch_fraction = models.FloatField(_("deferred work, fraction of the price"), null=True, blank=True)
    quality = models.FloatField(_("quality index"), null=True, blank=True)
    has_tax = models.BooleanField(_("tax included"), default=False)
    seen_on = models.DateField(_("seen on"), null=True, blank=True)
    is_from_memory = models.BooleanField(_("recalled, not read again"), default=False)
    source = models.TextField(_("source"))
    added_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "API price"
        ordering = ("name", "-seen_on")

    def __str__(self) -> str:
        return self.name

    def age_days(self, at: date) -> int | None:
        return None if self.seen_on is None else (at - self.seen_on).days
