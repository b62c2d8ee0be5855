"""The market, and those who follow."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from webapp.planning.inputs.asking import EXAMPLE, ask
from webapp.planning.inputs.business import BusinessQuestions


@dataclass(frozen=True, kw_only=True, slots=True)
class AdvantageQuestions(BusinessQuestions):
    """The market, and those who follow."""

    market_customers: float = ask(
        50_000.0, EXAMPLE, part="advantage", label=_("Customers with the problem"), unit="customers"
    )
    """All of them, counted from below."""
    reachable_fraction: float = ask(0.2, EXAMPLE, part="advantage", label=_("Reachable share"))
    """By this product, language and channel."""
    follower_budget_usd: float = ask(100_000.0, EXAMPLE, part="advantage", label=_("A follower's budget"), unit="USD")
    """What one who copies you can spend on training."""
    data_growth_tokens_per_month: float = ask(
        0.0, EXAMPLE, part="advantage", label=_("Own data grow by"), unit="tokens a month"
    )
    """New unique tokens each month."""
