"""Forms of the catalogue: own hardware, contracts, what was used of them, and files of prices."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.catalogue import freshness
from webapp.catalogue.importing.files import MAX_BYTES
from webapp.catalogue.models import Contract, ContractUse, OwnHardware


class HardwareForm(forms.ModelForm[OwnHardware]):
    class Meta:
        model = OwnHardware
        fields = (
            "name", "accelerator", "num_devices", "purchase_usd", "life_years", "residual_fraction", "cost_of_capital",
            "watts", "idle_watts", "pue", "electricity_usd_per_kwh", "rack_usd_per_year", "staff_usd_per_year",
            "utilisation",
        )  # fmt: skip


class ContractForm(forms.ModelForm[Contract]):
    class Meta:
        model = Contract
        fields = (
            "provider", "accelerator", "discount_fraction", "credits_usd", "credits_until", "reserved_hours",
            "starts_on", "ends_on", "note",
        )  # fmt: skip
        widgets = {
            "starts_on": forms.DateInput(attrs={"type": "date"}),
            "ends_on": forms.DateInput(attrs={"type": "date"}),
            "credits_until": forms.DateInput(attrs={"type": "date"}),
            "note": forms.Textarea(attrs={"rows": 2}),
        }

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        begin, end = cleaned.get("starts_on"), cleaned.get("ends_on")
        if begin and end and end < begin:
            self.add_error("ends_on", _("The last day comes before the first."))
        return cleaned


class UseForm(forms.ModelForm[ContractUse]):
    class Meta:
        model = ContractUse
        fields = ("used_on", "hours", "credits_usd", "note")
        widgets = {"used_on": forms.DateInput(attrs={"type": "date"})}

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        if not cleaned.get("hours") and not cleaned.get("credits_usd") and not self.errors:
            self.add_error("hours", _("Write hours, credits, or both."))
        return cleaned


class BillForm(forms.Form):
    """Hours to be reckoned under a contract."""

    hours = forms.FloatField(label=_("accelerator-hours"), min_value=0, max_value=1e9, initial=100)
    list_usd = forms.DecimalField(
        label=_("list price, USD per hour"), min_value=0, max_value=1_000_000, decimal_places=6, initial=2
    )


class ImportForm(forms.Form):
    file = forms.FileField(label=_("File"))
    provider = forms.CharField(
        label=_("Provider"), max_length=80, required=False, help_text=_("Where the file does not name it.")
    )
    seen_on = forms.DateField(
        label=_("Prices of"), initial=lambda: freshness.today(), widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The day on which they were seen, where the file does not say."),
    )  # fmt: skip

    def clean_file(self) -> object:
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than 64 MiB."))
        return file

    def clean_seen_on(self) -> object:
        seen = self.cleaned_data["seen_on"]
        if seen > freshness.today():
            raise forms.ValidationError(_("This day has not come yet."))
        return seen
