"""Forms of what people know of and no machine does: payroll, purchases, revenue, corrections, commitments."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.costs.models import Commitment, LedgerEntry, Machine
from webapp.costs.queries import ledger_of
from webapp.costs.services import HAND_KINDS, Money
from webapp.projects.models import Project
from webapp.teams.models import Team, User
from webapp.ui.bounds import FIRST_DAY, past_day

DAY = forms.DateInput(attrs={"type": "date"})
FIRST_RATE = Decimal(1)
LONGEST_TERM = timedelta(days=3_660)


class MoneyFields(forms.Form):
    """An amount in the currency in which it was paid, with the rate of that day."""

    amount = forms.DecimalField(label=_("Amount"), max_digits=18, decimal_places=6, min_value=Decimal("0.000001"))
    currency = forms.RegexField(
        label=_("Currency"), regex=r"^[A-Za-z]{3}$", initial="USD", help_text=_("Three letters, as EUR.")
    )
    usd_per_currency = forms.DecimalField(
        label=_("USD for one of it"), max_digits=16, decimal_places=8, min_value=Decimal("0.00000001"), initial=FIRST_RATE,
        help_text=_("On the day below; history is never converted anew."),
    )  # fmt: skip
    rate_on = forms.DateField(
        label=_("Rate of the day"),
        required=False,
        widget=DAY,
        validators=[past_day],
        help_text=_("Not needed for USD."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        currency = str(cleaned.get("currency", "")).upper()
        if currency == "USD" and cleaned.get("usd_per_currency") not in (None, FIRST_RATE):
            self.add_error("usd_per_currency", _("One USD is 1 USD."))
        if currency not in ("", "USD") and not cleaned.get("rate_on"):
            self.add_error("rate_on", _("Say of which day the rate is."))
        return cleaned

    def money(self) -> Money:
        found = self.cleaned_data
        return Money(
            amount=found["amount"],
            currency=found["currency"].upper(),
            usd_per_currency=found["usd_per_currency"],
            rate_on=found["rate_on"],
        )


class EntryForm(MoneyFields):
    """An entry by hand."""

    kind = forms.ChoiceField(label=_("Kind"), choices=[(kind.value, kind.label) for kind in HAND_KINDS])
    day = forms.DateField(
        label=_("Day it counts in"), widget=DAY, initial=timezone.localdate, validators=[past_day]
    )  # fmt: skip
    description = forms.CharField(label=_("What it was for"), max_length=200)
    project = forms.ModelChoiceField(label=_("Project"), queryset=Project.objects.none(), required=False)
    member = forms.ModelChoiceField(label=_("Member"), queryset=User.objects.none(), required=False)
    provider = forms.CharField(
        label=_("Who bills it"), max_length=80, required=False, help_text=_("As the invoice names it, for comparison.")
    )
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    field_order = ("kind", "day", "description", "amount", "currency", "usd_per_currency", "rate_on")

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].queryset = team.projects.filter(archived_at=None)  # type: ignore[attr-defined]
        self.fields["member"].queryset = team.members.all()  # type: ignore[attr-defined]


class CorrectionForm(forms.Form):
    """What should have been written; the difference becomes an entry of its own."""

    effective_usd = forms.DecimalField(label=_("Cost, USD"), max_digits=16, decimal_places=8)
    billed_usd = forms.DecimalField(label=_("Of it cash, USD"), max_digits=16, decimal_places=8)
    note = forms.CharField(label=_("Why"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))


class CommitmentForm(forms.ModelForm[Commitment]):
    class Meta:
        model = Commitment
        fields = (
            "name", "provider", "machine", "num_devices", "starts_on", "ends_on", "usd_per_device_hour", "upfront_usd",
        )  # fmt: skip
        widgets = {"starts_on": DAY, "ends_on": DAY}
        help_texts = {
            "provider": _("As its invoices name it."),
            "machine": _("The reserved devices, as their worker reports them."),
            "usd_per_device_hour": _("Due for every hour of the term, used or not; 0 where all is paid at the start."),
        }

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team = team
        used = ledger_of(team=team).values("machine")
        self.fields["machine"].queryset = Machine.objects.filter(pk__in=used)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end, machine = (cleaned.get(name) for name in ("starts_on", "ends_on", "machine"))
        if start and end and end < start:
            self.add_error("ends_on", _("The term ends before it starts."))
        elif start and end and (start < FIRST_DAY or end - start > LONGEST_TERM):
            self.add_error("ends_on", _("A term begins after 2000 and lasts at most ten years."))
        elif start and end and machine and self._others(start, end, machine).exists():
            self.add_error("machine", _("Another commitment of the team covers this machine in that time."))
        return cleaned

    def _others(self, start: Any, end: Any, machine: Machine) -> Any:
        rows = Commitment.objects.filter(team=self.team, machine=machine, starts_on__lte=end, ends_on__gte=start)
        return rows.exclude(pk=self.instance.pk)


def correction_initial(entry: LedgerEntry) -> dict[str, Any]:
    """Return what stands now: the entry with its corrections so far."""
    first = entry.corrects or entry
    written = [first, *first.corrections.all()]
    return {
        "effective_usd": sum((e.effective_usd for e in written), Decimal(0)),
        "billed_usd": sum((e.billed_usd for e in written), Decimal(0)),
    }
