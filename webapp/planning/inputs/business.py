"""What the model earns and what the company costs."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from webapp.planning.inputs.asking import EXAMPLE, USUAL, ask
from webapp.planning.inputs.options import OptionQuestions


@dataclass(frozen=True, kw_only=True, slots=True)
class BusinessQuestions(OptionQuestions):
    """What the model earns and what the company costs."""

    usd_per_customer_month: float = ask(
        79.0, EXAMPLE, part="business", label=_("Price a month"), unit="USD", slider=(1, 1000)
    )
    """Per customer."""
    included_tokens: float = ask(8e6, EXAMPLE, part="business", label=_("Tokens included"), unit="tokens")
    """In the price, per customer and month."""
    overage_usd_per_million: float = ask(4.0, EXAMPLE, part="business", label=_("A million tokens beyond"), unit="USD")
    """What a customer pays for more."""
    customers: float = ask(
        800.0, EXAMPLE, part="business", label=_("Paying customers behind these tokens"), unit="customers"
    )
    """At the start of sales; tokens a month divided by them is what one uses."""
    starting_fraction: float = ask(0.0, "0 before the launch", part="business", label=_("Share of them there already"))
    """1 if the product sells today."""
    new_customers_per_month: float = ask(
        60.0, EXAMPLE, part="business", label=_("New customers a month"), unit="customers", slider=(1, 5000)
    )
    """In the first month of sales."""
    new_growth_per_month: float = ask(
        0.05, EXAMPLE, part="business", label=_("Growth of new customers"), slider=(-0.05, 0.3)
    )
    """A month."""
    churn_per_month: float = ask(
        0.04, "small businesses 3 to 7 %", part="business", label=_("Churn a month"), slider=(0.002, 0.2)
    )
    """Share of customers that leave."""
    churn_customers_observed: float = ask(
        0.0, "your own count", part="business", label=_("Customers behind that churn")
    )
    """Below 30 it is an assumption, and said to be one."""
    acquisition_usd: float = ask(
        250.0, EXAMPLE, part="business", label=_("To win a customer"), unit="USD", slider=(0, 5000)
    )
    """Marketing and sales per new customer."""
    heaviness_sigma: float = ask(
        1.5, "usage of software: a tenth uses about half", part="business", label=_("Spread of use between customers")
    )
    """Standard deviation of the logarithm of use."""
    support_usd_per_customer_month: float = ask(
        3.0, EXAMPLE, part="business", label=_("Support per customer"), unit="USD"
    )
    """A month."""
    payment_fee_fraction: float = ask(0.029, "card processors' list price", part="business", label=_("Payment fee"))
    """Share of revenue."""
    collection_days: float = ask(15.0, USUAL, part="business", label=_("Days until paid"), unit="days")
    """After the month's end."""
    research_share: float = ask(0.6, USUAL, part="business", label=_("Payroll in research"))
    """Of the rest half sells, half runs the company."""
    other_usd_per_month: float = ask(6_000.0, EXAMPLE, part="business", label=_("Other costs a month"), unit="USD")
    """Office, tools, lawyers."""
    funding_usd: float = ask(0.0, EXAMPLE, part="business", label=_("Funding agreed"), unit="USD")
    """A round that is certain."""
    funding_month: float = ask(6.0, EXAMPLE, part="business", label=_("in month"))
    """Counted from 0."""
    retrain_every_months: float = ask(12.0, USUAL, part="business", label=_("Train again every"), unit="months")
    """0: never."""
    discount_per_year: float = ask(
        0.4, "a venture's rate, which holds the chance of failure", part="business", label=_("Discount rate a year")
    )
    """Of later money."""
