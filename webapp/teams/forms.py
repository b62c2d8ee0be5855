"""Forms of teams and of getting in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from webapp.teams.models import Role, Team, User


class TeamForm(forms.ModelForm[Team]):
    class Meta:
        model = Team
        fields = ("name",)


class InvitationForm(forms.Form):
    role = forms.TypedChoiceField(label=_("Role"), coerce=lambda v: Role(int(v)), initial=Role.MEMBER)
    email = forms.EmailField(
        label=_("E-mail"), required=False, help_text=_("If given, only an account with this address can use the link.")
    )
    num_days = forms.IntegerField(label=_("Valid for, days"), initial=7, min_value=1, max_value=90)

    def __init__(self, *args: Any, highest: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(r.value, r.label) for r in Role if r <= highest]  # type: ignore[attr-defined]


class SignUpForm(forms.Form):
    name = forms.CharField(label=_("Your name"), max_length=150)
    email = forms.EmailField(label=_("E-mail"))
    password = forms.CharField(
        label=_("Password"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 10 characters."),
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(_("There is an account with this address. Sign in, then open the link again."))
        return email

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class ProfileForm(forms.ModelForm[User]):
    class Meta:
        model = User
        fields = ("name",)
