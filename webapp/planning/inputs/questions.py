"""The seven questions that a plan begins with: use, volume, data, cash, deadline, region, currency."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from webapp.planning.inputs.asking import EXAMPLE, USUAL, ask


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """The seven questions that a plan begins with: use, volume, data, cash, deadline, region, currency."""

    use_case: str = ask("Answer our customers' questions", EXAMPLE, part="questions", label=_("What is it for?"))
    """In a sentence, for whoever reads the plan."""
    quality_bar: str = ask("", EXAMPLE, part="questions", label=_("How good must it be?"))
    """The test that decides, such as: resolves 62 % of our own test set."""
    monthly_tokens: float = ask(
        4e9, EXAMPLE, part="questions", label=_("Tokens a month"), unit="tokens", slider=(1e7, 1e12)
    )
    """Read and written together, in the first month; or give requests and tokens per request."""
    requests_per_month: float = ask(0.0, EXAMPLE, part="questions", label=_("or requests a month"), unit="requests")
    """If above 0, tokens a month are requests times tokens per request."""
    tokens_per_request: float = ask(1500.0, USUAL, part="questions", label=_("Tokens per request"), unit="tokens")
    """Prompt and answer."""
    peak_over_mean: float = ask(
        3.0, "common for services that people use", part="questions", label=_("Busiest hour over the mean"), unit="×"
    )
    """Machines are paid for by the peak."""
    unique_tokens: float = ask(
        180e9, EXAMPLE, part="questions", label=_("Data you own"), unit="tokens", slider=(1e7, 1e13)
    )
    """Different tokens after removing duplicates. Beyond them tokens repeat and are worth less."""
    usd_per_million_tokens: float = ask(0.8, EXAMPLE, part="questions", label=_("Price of a million more"), unit="USD")
    """Bought, licensed or written."""
    cash_usd: float = ask(720_000.0, EXAMPLE, part="questions", label=_("Cash"), unit="USD", slider=(1e4, 1e8))
    """In the bank when the plan begins."""
    payroll_usd_per_month: float = ask(
        48_000.0, EXAMPLE, part="questions", label=_("Payroll a month"), unit="USD", slider=(1e3, 3e6)
    )
    """All salaries, with taxes and benefits."""
    deadline_days: float = ask(
        30.0, EXAMPLE, part="questions", label=_("The final run may take"), unit="days", slider=(1, 365)
    )
    """Wall time of the final training run."""
    region: str = ask("any", EXAMPLE, part="questions", label=_("Region of the machines"), choices="any,us,eu,asia")
    """Prices of that region are preferred where the catalogue has them."""
    currency: str = ask(
        "USD", EXAMPLE, part="questions", label=_("Currency shown"), choices="USD,EUR,GBP,CNY,JPY,INR,CHF,CAD,AUD,SGD"
    )
    """Amounts are shown in it; they are kept in US dollars."""
    usd_per_currency: float = ask(
        1.0, "the rate that you give", part="questions", label=_("US dollars for one of it"), unit="USD"
    )
    """Rate of the day below."""
    rate_date: str = ask("", "the rate that you give", part="questions", label=_("Day of the rate"))
    """As 2026-11-23."""
