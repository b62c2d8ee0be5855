"""Invoices as they came: their lines in one form, whatever the file looked like. Lines are kept as they are, for ever."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.teams.codes import new_code
from webapp.teams.models import Team, User


class ColumnMap(models.Model):
    """How the columns of one provider's files are called, so that the next file is read the same way."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="column_maps")
    name = models.CharField(_("name"), max_length=80)
    columns = models.JSONField(default=dict)  # our field -> the file's column
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="column_map_once")]

    def __str__(self) -> str:
        return self.name


class InvoiceUpload(models.Model):
    """A file on view before it is taken. Gone when it was taken or thrown away, or after a day."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    file_name = models.CharField(max_length=200)
    text = models.TextField()
    columns = models.JSONField(default=dict)  # the map chosen; empty: FOCUS
    constants = models.JSONField(default=dict)  # provider, currency and rate, where the file does not say
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.file_name

    @property
    def owning_team(self) -> Team:
        return self.team


class Invoice(models.Model):
    """A file of charges that was taken."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="invoices")
    provider = models.CharField(max_length=80)
    number = models.CharField(max_length=120, blank=True)  # as the provider calls it
    file_name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    usd_per_currency = models.DecimalField(max_digits=16, decimal_places=8)
    rate_on = models.DateField(null=True)
    first_day = models.DateField()
    last_day = models.DateField()
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-last_day", "-id")

    def __str__(self) -> str:
        return f"{self.provider} {self.number or self.file_name}"

    @property
    def owning_team(self) -> Team:
        return self.team


class InvoiceLine(models.Model):
    """One charge, with the words of FOCUS. Amounts are in the invoice's currency."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    fingerprint = models.CharField(max_length=64)  # of all its fields: the same line is never taken twice
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()  # exclusive
    service = models.CharField(max_length=120)
    category = models.CharField(max_length=80, blank=True)  # ServiceCategory
    kind = models.CharField(max_length=12)  # of our ledger: what it is compared with
    charge_category = models.CharField(max_length=20)  # Usage, Purchase, Tax, Credit, Adjustment
    charge_class = models.CharField(max_length=20, blank=True)  # Correction, or empty
    commitment_id = models.CharField(max_length=200, blank=True)
    commitment_status = models.CharField(max_length=10, blank=True)  # Used, Unused, or empty
    description = models.CharField(max_length=400, blank=True)
    resource_id = models.CharField(max_length=300, blank=True)
    quantity = models.DecimalField(max_digits=24, decimal_places=8, null=True)
    unit = models.CharField(max_length=60, blank=True)
    billed_cost = models.DecimalField(max_digits=20, decimal_places=8)
    effective_cost = models.DecimalField(max_digits=20, decimal_places=8)
    list_cost = models.DecimalField(max_digits=20, decimal_places=8, null=True)

    class Meta:
        ordering = ("starts_at", "id")
        constraints = [models.UniqueConstraint(fields=["team", "fingerprint"], name="invoice_line_once")]
        indexes = [models.Index(fields=["invoice", "starts_at"], name="line_of_invoice")]

    def __str__(self) -> str:
        return f"{self.service} {self.billed_cost}"

    @property
    def owning_team(self) -> Team:
        return self.team
