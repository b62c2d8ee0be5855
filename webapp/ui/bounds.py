"""Bounds of numbers that people enter: beyond them a formula has no answer, or no such thing exists."""

from __future__ import annotations

from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext as _

FIRST_DAY = date(2000, 1, 1)
"""Earlier days are slips of the pen."""

Validators = list[MinValueValidator | MaxValueValidator]


def between(low: float, high: float) -> Validators:
    """Return the validators of a number from `low` to `high`, both included."""
    return [MinValueValidator(low), MaxValueValidator(high)]


def past_day(day: date) -> None:
    """Refuse a day that has not come yet, or that no record can be of."""
    if day > timezone.localdate():
        raise ValidationError(_("This day has not come yet."))
    if day < FIRST_DAY:
        raise ValidationError(_("This day lies before %s.") % FIRST_DAY.isoformat())
