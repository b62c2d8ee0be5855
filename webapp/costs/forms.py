"""The form of a machine's price."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.costs.models import Machine


class MachineForm(forms.ModelForm[Machine]):
    class Meta:
        model = Machine
        fields = (
            "usd_per_device_hour",
            "provider",
            "purchase_usd",
            "life_years",
            "residual_fraction",
            "capital_rate",
            "use_fraction",
            "power_watts",
            "pue",
            "electricity_usd_per_kwh",
            "grid_g_co2e_per_kwh",
        )
        help_texts = {
            "usd_per_device_hour": _(
                "What you pay for an hour of one device. Empty: worked out from the fields below."
            ),
            "provider": _("As its invoices name it; empty if the machine is your own."),
            "use_fraction": _("Share of all hours in which it does useful work, above 0 and at most 1."),
            "power_watts": _("At the wall, while it works, the whole machine."),
            "grid_g_co2e_per_kwh": _("World mean about 400, France about 50."),
        }

    def clean_use_fraction(self) -> float:
        value: float = self.cleaned_data["use_fraction"]
        if not 0 < value <= 1:
            raise forms.ValidationError(
                _("The share of hours must be above 0 and at most 1, not %(v)s."), params={"v": value}
            )
        return value

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        for name in ("purchase_usd", "power_watts", "electricity_usd_per_kwh", "grid_g_co2e_per_kwh", "capital_rate"):
            if (value := cleaned.get(name)) is not None and value < 0:
                self.add_error(name, _("This cannot be negative."))
        if (life := cleaned.get("life_years")) is not None and life <= 0:
            self.add_error("life_years", _("The life must be above 0 years."))
        if (pue := cleaned.get("pue")) is not None and pue < 1:
            self.add_error("pue", _("The power usage effectiveness is at least 1."))
        if (rest := cleaned.get("residual_fraction")) is not None and not 0 <= rest <= 1:
            self.add_error("residual_fraction", _("The residual value is a fraction from 0 to 1."))
        return cleaned
