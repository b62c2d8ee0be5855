"""Machines with their price, and the ledger of what every attempt really cost."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.teams.models import Team, User


class Machine(models.Model):
    """A host that runs jobs, with what one hour of one of its devices costs and why."""

    host = models.CharField(max_length=120)
    device = models.CharField(max_length=80)  # name of the device, as the worker reports it
    hardware = models.JSONField(default=dict)
    num_devices = models.PositiveSmallIntegerField(default=1)

    usd_per_device_hour = models.DecimalField(
        _("price, USD per device-hour"), max_digits=14, decimal_places=6, null=True, blank=True
    )  # null: by the formula below
    purchase_usd = models.DecimalField(_("purchase price, USD"), max_digits=12, decimal_places=2, default=1500)
    life_years = models.FloatField(_("useful life, years"), default=4.0)
    residual_fraction = models.FloatField(_("residual value, fraction"), default=0.1)
    capital_rate = models.FloatField(_("cost of capital, per year"), default=0.08)
    use_fraction = models.FloatField(_("share of hours in use"), default=0.5)
    power_watts = models.FloatField(_("power under load, W"), default=90.0)
    pue = models.FloatField(_("power usage effectiveness"), default=1.1)
    electricity_usd_per_kwh = models.FloatField(_("electricity, USD per kWh"), default=0.15)
    grid_g_co2e_per_kwh = models.FloatField(_("grid, g CO2e per kWh"), default=400.0)
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


class LedgerEntry(models.Model):
    """What one attempt cost, by kind. Append-only: a mistake is corrected by an entry that points at the first."""

    class Kind(models.TextChoices):
        COMPUTE = "compute", _("compute")
        STORAGE = "storage", _("storage")
        SERVING = "serving", _("serving")

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="ledger")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="ledger")
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="ledger")
    fence = models.BigIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.COMPUTE)
    job_kind = models.CharField(max_length=20)
    member = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    model_label = models.CharField(max_length=120, blank=True)  # family and size, for the page by model
    outcome = models.CharField(max_length=12)
    machine = models.ForeignKey(Machine, on_delete=models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField()
    seconds = models.FloatField()
    num_devices = models.PositiveSmallIntegerField()
    usd_per_device_hour = models.DecimalField(max_digits=14, decimal_places=6)
    price_basis = models.JSONField(default=dict)  # the formula's inputs on that day
    billed_usd = models.DecimalField(max_digits=16, decimal_places=8)  # cash: what is paid for this to somebody
    effective_usd = models.DecimalField(max_digits=16, decimal_places=8)  # amortised: what it takes of what one owns
    currency = models.CharField(max_length=3, default="USD")
    energy_kwh = models.FloatField()
    energy_is_measured = models.BooleanField()
    co2e_kg = models.FloatField()
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections")
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-started_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["job", "fence", "kind"], condition=Q(corrects=None), name="ledger_first_once"
            )
        ]
        indexes = [models.Index(fields=["project", "started_at"], name="ledger_of_project")]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.fence} {self.kind} {self.effective_usd} USD"

    @property
    def owning_team(self) -> Team:
        return self.team
