"""Forms of the queue page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.teams.models import Role

LOW, NORMAL, HIGH = -10, 0, 10
PRIORITIES = ((LOW, _("low")), (NORMAL, _("normal")), (HIGH, _("high")))


class MoveForm(forms.Form):
    direction = forms.ChoiceField(choices=[("top", "top"), ("up", "up"), ("down", "down")])


class PriorityForm(forms.Form):
    """High priority goes before every team's normal jobs, so it is for those who answer for a team."""

    priority = forms.TypedChoiceField(choices=PRIORITIES, coerce=int)

    def __init__(self, *args: Any, role: Role, is_staff: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._may_raise = is_staff or role >= Role.ADMIN

    def clean_priority(self) -> int:
        wanted: int = self.cleaned_data["priority"]
        if wanted > NORMAL and not self._may_raise:
            raise forms.ValidationError(_("High priority is set by an admin of the team."))
        return wanted


class LimitForm(forms.Form):
    max_running = forms.IntegerField(label=_("jobs running at once"), min_value=0, max_value=1_000, required=False)
    max_queued = forms.IntegerField(label=_("jobs waiting"), min_value=0, max_value=100_000, required=False)
