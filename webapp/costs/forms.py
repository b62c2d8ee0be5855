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
