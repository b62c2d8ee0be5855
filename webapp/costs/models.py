"""Machines and commitments with their prices, and the ledger of what everything really cost and earned."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.costs.invoice_models import ColumnMap, Invoice, InvoiceLine, InvoiceUpload
from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User
from webapp.ui.bounds import between

__all__ = [
    "ColumnMap", "Commitment", "Invoice", "InvoiceLine", "InvoiceUpload", "LedgerEntry", "Machine", "StoragePrice",
]  # fmt: skip


class Machine(models.Model):
    """A host that runs jobs, with what one hour of one of its devices costs and why."""

    host = models.CharField(max_length=120)
    device = models.CharField(max_length=80)  # name of the device, as the worker reports it
    hardware = models.JSONField(default=dict)
    num_devices = models.PositiveSmallIntegerField(default=1)

    usd_per_device_hour = models.DecimalField(
        _("price, USD per device-hour"),
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        validators=between(0, 1e6),
    )  # null: by the formula below
    purchase_usd = models.DecimalField(
        _("purchase price, USD"), max_digits=12, decimal_places=2, default=1500, validators=between(0, 1e9)
    )
    life_years = models.FloatField(_("useful life, years"), default=4.0, validators=between(0.01, 100))
    residual_fraction = models.FloatField(_("residual value, fraction"), default=0.1, validators=between(0, 1))
    capital_rate = models.FloatField(_("cost of capital, per year"), default=0.08, validators=between(0, 10))
    use_fraction = models.FloatField(_("share of hours in use"), default=0.5, validators=between(0.001, 1))
    power_watts = models.FloatField(_("power under load, W"), default=90.0, validators=between(0, 1e7))
    pue = models.FloatField(_("power usage effectiveness"), default=1.1, validators=between(1, 10))
    electricity_usd_per_kwh = models.FloatField(_("electricity, USD per kWh"), default=0.15, validators=between(0, 100))
    grid_g_co2e_per_kwh = models.FloatField(_("grid, g CO2e per kWh"), default=400.0, validators=between(0, 10_000))
    provider = models.CharField(
        _("who bills it"), max_length=80, blank=True
    )  # as invoices name it; empty: it is one's own
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("host", "device")
        constraints = [
            models.UniqueConstraint(fields=["host", "device"], name="machine_once"),
            # outside these bounds the price formula has no answer, and the ledger must always have one
            models.CheckConstraint(
                condition=Q(life_years__gt=0, pue__gte=1, num_devices__gte=1, purchase_usd__gte=0, capital_rate__gte=0)
                & Q(use_fraction__gt=0, use_fraction__lte=1, residual_fraction__gte=0, residual_fraction__lte=1)
                & Q(power_watts__gte=0, electricity_usd_per_kwh__gte=0, grid_g_co2e_per_kwh__gte=0),
                name="machine_price_has_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.host} · {self.device}"


class Commitment(models.Model):
    """Devices paid for whether they are used or not. Its fee is sunk: jobs take their share, the rest is a line of its own."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="commitments")
    name = models.CharField(_("name"), max_length=120)
    provider = models.CharField(_("who bills it"), max_length=80)
    machine = models.ForeignKey(Machine, on_delete=models.PROTECT, related_name="commitments")
    num_devices = models.PositiveSmallIntegerField(_("devices"), default=1, validators=between(1, 30_000))
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    usd_per_device_hour = models.DecimalField(
        _("fee, USD per device-hour"), max_digits=14, decimal_places=6, validators=between(0, 1e6)
    )
    upfront_usd = models.DecimalField(
        _("paid at the start, USD"), max_digits=14, decimal_places=2, default=0, validators=between(0, 1e11)
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-starts_on",)
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__gte=models.F("starts_on"), num_devices__gte=1)
                & Q(usd_per_device_hour__gte=0, upfront_usd__gte=0),
                name="commitment_has_term_and_price",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def owning_team(self) -> Team:
        return self.team


class StoragePrice(models.Model):
    """What a gigabyte kept for a month costs, from a day on. History is kept: a new price is a new row."""

    since = models.DateField(_("from"), unique=True)
    usd_per_gb_month = models.DecimalField(_("USD per GB and month"), max_digits=12, decimal_places=8)
    provider = models.CharField(_("who bills it"), max_length=80, blank=True)  # empty: disks of one's own
    source = models.CharField(_("source"), max_length=200)

    class Meta:
        ordering = ("-since",)
        constraints = [
            models.CheckConstraint(condition=Q(usd_per_gb_month__gte=0), name="storage_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.usd_per_gb_month} USD per GB-month since {self.since}"


class LedgerEntry(models.Model):
    """One amount, spent or earned. Append-only: a mistake is corrected by an entry that points at the first.

    An attempt of a job has one entry of each kind; entries of a day (storage, serving, commitments) are found by `key`.
    `started_at` decides the day and the month that an entry counts in. Revenue is positive and never part of a cost.
    """

    class Kind(models.TextChoices):
        COMPUTE = "compute", _("compute")
        ENERGY = "energy", _("energy")
        STORAGE = "storage", _("storage")
        SERVING = "serving", _("serving")
        COMMITMENT = "commitment", _("commitments")
        PURCHASE = "purchase", _("purchases")
        PAYROLL = "payroll", _("payroll")
        REVENUE = "revenue", _("revenue")

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="ledger")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, blank=True, related_name="ledger")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, null=True, blank=True, related_name="ledger")
    fence = models.BigIntegerField(null=True, blank=True)
    key = models.CharField(max_length=160, null=True, blank=True)  # what it is for, once: `storage:<project>:<day>`
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.COMPUTE)
    job_kind = models.CharField(max_length=20, blank=True)
    purpose = models.CharField(max_length=20, blank=True)  # of the job, as a higher app said: `ladder`, `sweep`
    member = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    entered_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    model_label = models.CharField(max_length=120, blank=True)  # family and size, for the page by model
    description = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=12, blank=True)  # of the attempt; `unused` of a commitment
    lost_fraction = models.FloatField(default=0.0)  # of an attempt that died: what came after its last checkpoint
    machine = models.ForeignKey(Machine, on_delete=models.PROTECT, null=True, related_name="+")
    commitment = models.ForeignKey(Commitment, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    provider = models.CharField(max_length=80, blank=True)  # who bills it; empty: nobody, it is one's own
    started_at = models.DateTimeField()
    seconds = models.FloatField(default=0.0)
    num_devices = models.PositiveSmallIntegerField(default=1)
    quantity = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=20, blank=True)  # of the quantity: `GB-month`, `tokens`
    usd_per_device_hour = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    price_basis = models.JSONField(default=dict)  # the formula's inputs on that day
    billed_usd = models.DecimalField(max_digits=16, decimal_places=8)  # cash: what is paid for this to somebody
    effective_usd = models.DecimalField(max_digits=16, decimal_places=8)  # amortised: what it takes of what one owns
    currency = models.CharField(max_length=3, default="USD")
    amount = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)  # in that currency, as paid
    usd_per_currency = models.DecimalField(max_digits=16, decimal_places=8, default=1)
    rate_on = models.DateField(null=True, blank=True)  # of the rate; history is never converted at today's
    energy_kwh = models.FloatField(default=0.0)
    energy_is_measured = models.BooleanField(default=False)
    co2e_kg = models.FloatField(default=0.0)
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections")
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-started_at", "-id")
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(
                fields=["job", "fence", "kind"], condition=Q(corrects=None), name="ledger_first_once"
            ),
            models.UniqueConstraint(fields=["team", "key"], condition=Q(corrects=None), name="ledger_key_once"),
        ]
        indexes = [
            models.Index(fields=["project", "started_at"], name="ledger_of_project"),
            models.Index(fields=["team", "started_at"], name="ledger_of_team"),
        ]

    def __str__(self) -> str:
        return f"{self.description or self.job_id or self.kind} {self.effective_usd} USD"

    @property
    def owning_team(self) -> Team:
        return self.team
