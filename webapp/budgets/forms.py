"""Forms of budgets."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.budgets.models import Budget
from webapp.projects.models import Project
from webapp.teams.models import Team, User


class BudgetForm(forms.Form):
    """A new budget: for whom, for when, how much."""

    amount = forms.DecimalField(label=_("Amount"), max_digits=16, decimal_places=6, min_value=Decimal(0))
    unit = forms.ChoiceField(label=_("In"), choices=Budget.Unit.choices)
    project = forms.ModelChoiceField(
        label=_("Project"), queryset=Project.objects.none(), required=False, empty_label=_("the whole team")
    )
    member = forms.ModelChoiceField(
        label=_("Member"), queryset=User.objects.none(), required=False, empty_label=_("everybody")
    )
    month = forms.CharField(
        label=_("Month"), required=False, widget=forms.TextInput(attrs={"type": "month"}),
        help_text=_("Empty: every month anew. One month's own budget takes the place of the standing one."),
    )  # fmt: skip
    is_hard = forms.BooleanField(
        label=_("Save and stop running jobs at the limit"), required=False, initial=True,
        help_text=_("Otherwise only new jobs are refused."),
    )  # fmt: skip

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].queryset = team.projects.filter(archived_at=None)  # type: ignore[attr-defined]
        self.fields["member"].queryset = team.members.all()  # type: ignore[attr-defined]

    def clean_month(self) -> date | None:
        text = self.cleaned_data["month"].strip()
        if not text:
            return None
        try:
            return date.fromisoformat(f"{text}-01")
        except ValueError:
            raise forms.ValidationError(_("Write the month as 2026-11.")) from None


class ChangeForm(forms.Form):
    """How much there is, and what happens at the limit."""

    amount = forms.DecimalField(label=_("Amount"), max_digits=16, decimal_places=6, min_value=Decimal(0))
    is_hard = forms.BooleanField(label=_("Save and stop running jobs at the limit"), required=False)
