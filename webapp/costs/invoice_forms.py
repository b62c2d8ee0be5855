"""Forms of invoices: which file, how its columns are called, and the rate of its currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.costs.focus import FIELDS, NEEDED_OF_MAP
from webapp.costs.models import ColumnMap
from webapp.teams.models import Team

TITLES = {
    "billed_cost": _("Amount billed"),
    "effective_cost": _("Effective cost"),
    "list_cost": _("List cost"),
    "currency": _("Currency"),
    "starts_at": _("Day or start"),
    "ends_at": _("End, exclusive"),
    "service": _("Service"),
    "category": _("Category of the service"),
    "charge_category": _("Usage, Purchase, Tax, Credit or Adjustment"),
    "charge_class": _("Correction or empty"),
    "commitment_id": _("Commitment"),
    "commitment_status": _("Used or Unused"),
    "description": _("Description"),
    "resource_id": _("Resource"),
    "quantity": _("Quantity"),
    "unit": _("Unit"),
    "provider": _("Provider"),
    "number": _("Number of the invoice"),
}


class UploadForm(forms.Form):
    """The file; FOCUS is recognised by itself, other tables need a map of their columns."""

    file = forms.FileField(label=_("File"), help_text=_("CSV as the provider exports it, at most 20 MB."))
    columns = forms.ModelChoiceField(
        label=_("Format"), queryset=ColumnMap.objects.none(), required=False, empty_label=_("FOCUS 1.x"),
        help_text=_("A saved map for tables that are not FOCUS; you can map the columns on the next page."),
    )  # fmt: skip
    provider = forms.CharField(
        label=_("Provider"), max_length=80, required=False, help_text=_("Where the file does not say.")
    )
    currency = forms.RegexField(
        label=_("Currency"), regex=r"^[A-Za-z]{3}$", required=False, help_text=_("Where the file does not say.")
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["columns"].queryset = team.column_maps.all()  # type: ignore[attr-defined]


class MapForm(forms.Form):
    """Which column of the file is which of ours."""

    def __init__(self, *args: Any, header: list[str], columns: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("not in the file")), *[(name, name) for name in header if name]]
        for name in FIELDS:
            self.fields[f"column-{name}"] = forms.ChoiceField(
                label=TITLES[name],
                choices=choices,
                required=name in NEEDED_OF_MAP,
                initial=columns.get(name) or guess(name, header),
            )
        self.fields["map_name"] = forms.CharField(
            label=_("Save this map as"), max_length=80, required=False, help_text=_("Found again at the next invoice.")
        )

    def columns(self) -> dict[str, str]:
        values = {name: self.cleaned_data[f"column-{name}"] for name in FIELDS}
        return {name: column for name, column in values.items() if column}


class TakeForm(forms.Form):
    """What one unit of the file's currency was worth."""

    usd_per_currency = forms.DecimalField(
        label=_("USD for one of it"), max_digits=16, decimal_places=8, min_value=Decimal("0.00000001"), initial=Decimal(1)
    )  # fmt: skip
    rate_on = forms.DateField(
        label=_("Rate of the day"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


_LIKELY = {
    "billed_cost": ("cost", "amount", "total", "price"),
    "starts_at": ("date", "day", "start", "usagestartdate"),
    "ends_at": ("end", "usageenddate"),
    "service": ("service", "product", "sku", "servicename"),
    "currency": ("currency",),
    "description": ("description", "item"),
}


def guess(name: str, header: list[str]) -> str:
    """Return the column that is probably meant: FOCUS's own name, or a word that such tables use."""
    if FIELDS[name] in header:
        return FIELDS[name]
    plain = {column.lower().replace(" ", "").replace("_", ""): column for column in header}
    return next((plain[word] for word in _LIKELY.get(name, ()) if word in plain), "")
