"""What a team agreed with providers and what was used of it, and the devices that it owns."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.teams.codes import new_code
from webapp.teams.models import Team, User
from webapp.ui.bounds import between


class Contract(models.Model):
    """What a team agreed with a provider. Reserved hours are used first, then the discount, then credits pay."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="contracts")
    provider = models.CharField(_("provider"), max_length=80)
    accelerator = models.ForeignKey(
        "catalogue.Accelerator", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("accelerator"),
        help_text=_("Empty: any of the provider's."),
    )  # fmt: skip
    discount_fraction = models.FloatField(
        _("discount"), default=0.0, validators=between(0, 1),
        help_text=_("Of the list price; 0.15 is 15 %."),
    )  # fmt: skip
    credits_usd = models.DecimalField(
        _("credits, USD"), max_digits=14, decimal_places=2, default=0, validators=between(0, 1e11)
    )
    credits_until = models.DateField(
        _("credits expire on"), null=True, blank=True, help_text=_("Last day. Empty: never.")
    )
    reserved_hours = models.FloatField(
        _("reserved accelerator-hours"), default=0.0, validators=between(0, 1e9),
        help_text=_("Paid for already, used before anything else."),
    )  # fmt: skip
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-starts_on",)
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    discount_fraction__gte=0, discount_fraction__lte=1, credits_usd__gte=0, reserved_hours__gte=0
                ),
                name="contract_in_bounds",
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} · {self.starts_on}"

    def get_absolute_url(self) -> str:
        return reverse("contract-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.team


class ContractUse(models.Model):
    """What was taken of a contract's reserved hours and credits. Append-only; a correction is an entry with a minus."""

    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="uses")
    used_on = models.DateField(_("day"))
    hours = models.FloatField(_("accelerator-hours, of the reserved"), default=0.0, validators=between(-1e9, 1e9))
    credits_usd = models.DecimalField(_("credits, USD"), max_digits=16, decimal_places=8, default=0)
    note = models.CharField(_("note"), max_length=200, blank=True)
    entered_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    entered_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-used_on", "-id")

    def __str__(self) -> str:
        return f"{self.contract} {self.used_on}"

    @property
    def owning_team(self) -> Team:
        return self.contract.team


class OwnHardware(models.Model):
    """Devices that a team owns, and what a useful hour of one costs by the formula of owning."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="own_hardware")
    name = models.CharField(_("name"), max_length=120)
    accelerator = models.ForeignKey(
        "catalogue.Accelerator", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("accelerator"),
        help_text=_("Empty: one that the catalogue does not know."),
    )  # fmt: skip
    num_devices = models.PositiveIntegerField(_("devices"), default=8, validators=between(1, 1_000_000))
    purchase_usd = models.DecimalField(
        _("purchase, USD per device"), max_digits=12, decimal_places=2, validators=between(0, 1e9),
        help_text=_("With its share of server and network."),
    )  # fmt: skip
    life_years = models.FloatField(
        _("life, years"), default=4.0, validators=between(0.25, 100), help_text=_("Economic, not the books'.")
    )
    residual_fraction = models.FloatField(
        _("residual value"), default=0.1, validators=between(0, 1),
        help_text=_("What its sale brings at the end, as a fraction of the purchase."),
    )  # fmt: skip
    cost_of_capital = models.FloatField(
        _("cost of capital, a year"), default=0.1, validators=between(0, 10), help_text=_("0.1 is 10 %.")
    )
    watts = models.FloatField(_("power working, W per device"), validators=between(0, 1e6), help_text=_("At the wall."))
    idle_watts = models.FloatField(_("power idle, W per device"), default=0.0, validators=between(0, 1e6))
    pue = models.FloatField(
        _("power usage effectiveness"), default=1.2, validators=between(1, 10),
        help_text=_("Power of the building over that of its computers."),
    )  # fmt: skip
    electricity_usd_per_kwh = models.FloatField(_("electricity, USD per kWh"), default=0.15, validators=between(0, 100))
    rack_usd_per_year = models.FloatField(_("rack, USD a year and device"), default=0.0, validators=between(0, 1e8))
    staff_usd_per_year = models.FloatField(_("staff, USD a year and device"), default=0.0, validators=between(0, 1e8))
    utilisation = models.FloatField(
        _("utilisation"), default=0.5, validators=between(0.01, 1),
        help_text=_("Share of all hours in which it does useful work."),
    )  # fmt: skip
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "own hardware"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("hardware-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.team
