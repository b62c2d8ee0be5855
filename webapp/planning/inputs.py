"""What a plan asks: seven questions, and everything else with a default whose source is on view. Money is in USD."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from django.utils.translation import gettext_lazy as _

from economics.errors import InputError

Goal = Literal["best-loss", "cheapest-training", "fastest", "cheapest"]
OPTION_NAMES = ("scratch", "continue", "fine-tune", "lora", "distil", "api", "wait")
USUAL = "usual practice"
EXAMPLE = "an example: put your own"


def _ask(
    default: Any, source: str, *, part: str, label: Any, unit: str = "", slider: tuple[float, float] | None = None,
    choices: str = "",
) -> Any:  # fmt: skip
    """A field with what the form and the page of assumptions need of it."""
    meta = {"source": source, "part": part, "label": label, "unit": unit, "slider": slider, "choices": choices}
    return field(default=default, metadata=meta)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanInputs:
    """One scenario. Defaults are examples or sourced figures; none is hidden."""

    # 1 to 7: the questions
    use_case: str = _ask("Answer our customers' questions", EXAMPLE, part="questions", label=_("What is it for?"))
    """In a sentence, for whoever reads the plan."""
    quality_bar: str = _ask("", EXAMPLE, part="questions", label=_("How good must it be?"))
    """The test that decides, such as: resolves 62 % of our own test set."""
    monthly_tokens: float = _ask(
        4e9, EXAMPLE, part="questions", label=_("Tokens a month"), unit="tokens", slider=(1e7, 1e12)
    )
    """Read and written together, in the first month; or give requests and tokens per request."""
    requests_per_month: float = _ask(0.0, EXAMPLE, part="questions", label=_("or requests a month"), unit="requests")
    """If above 0, tokens a month are requests times tokens per request."""
    tokens_per_request: float = _ask(1500.0, USUAL, part="questions", label=_("Tokens per request"), unit="tokens")
    """Prompt and answer."""
    peak_over_mean: float = _ask(
        3.0, "common for services that people use", part="questions", label=_("Busiest hour over the mean"), unit="×"
    )
    """Machines are paid for by the peak."""
    unique_tokens: float = _ask(
        180e9, EXAMPLE, part="questions", label=_("Data you own"), unit="tokens", slider=(1e7, 1e13)
    )
    """Different tokens after removing duplicates. Beyond them tokens repeat and are worth less."""
    usd_per_million_tokens: float = _ask(0.8, EXAMPLE, part="questions", label=_("Price of a million more"), unit="USD")
    """Bought, licensed or written."""
    cash_usd: float = _ask(720_000.0, EXAMPLE, part="questions", label=_("Cash"), unit="USD", slider=(1e4, 1e8))
    """In the bank when the plan begins."""
    payroll_usd_per_month: float = _ask(
        48_000.0, EXAMPLE, part="questions", label=_("Payroll a month"), unit="USD", slider=(1e3, 3e6)
    )
    """All salaries, with taxes and benefits."""
    deadline_days: float = _ask(
        30.0, EXAMPLE, part="questions", label=_("The final run may take"), unit="days", slider=(1, 365)
    )
    """Wall time of the final training run."""
    region: str = _ask("any", EXAMPLE, part="questions", label=_("Region of the machines"), choices="any,us,eu,asia")
    """Prices of that region are preferred where the catalogue has them."""
    currency: str = _ask(
        "USD", EXAMPLE, part="questions", label=_("Currency shown"), choices="USD,EUR,GBP,CNY,JPY,INR,CHF,CAD,AUD,SGD"
    )
    """Amounts are shown in it; they are kept in US dollars."""
    usd_per_currency: float = _ask(
        1.0, "the rate that you give", part="questions", label=_("US dollars for one of it"), unit="USD"
    )
    """Rate of the day below."""
    rate_date: str = _ask("", "the rate that you give", part="questions", label=_("Day of the rate"))
    """As 2026-11-23."""

    # the plan
    goal: str = _ask(
        "best-loss", EXAMPLE, part="plan", label=_("Goal"), choices="best-loss,cheapest-training,fastest,cheapest"
    )
    """Best loss for the budget; cheapest training for a loss; soonest for a loss; least lifetime cost for a loss."""
    budget_usd: float = _ask(120_000.0, EXAMPLE, part="plan", label=_("Training budget"), unit="USD", slider=(100, 1e7))
    """All training compute of the project: small runs, failures and the final run."""
    loss_bar: float = _ask(2.2, EXAMPLE, part="plan", label=_("Loss to reach"), unit="", slider=(1.85, 3.5))
    """In the unit of the law; used by every goal but the best loss."""
    law: str = _ask("published:besiroglu-2024", "catalogue of laws", part="plan", label=_("Scaling law"))
    """Your own fit, or a published one."""
    accelerator: str = _ask("H100 SXM", EXAMPLE, part="plan", label=_("Accelerator"))
    """From the catalogue."""
    term: str = _ask(
        "on-demand", EXAMPLE, part="plan", label=_("Term"), choices="on-demand,spot,reserved-1y,reserved-3y,owned"
    )
    """How it is paid for."""
    gpu_usd_per_hour: float = _ask(
        0.0, "catalogue's price of the term", part="plan", label=_("Price of a GPU-hour"), unit="USD", slider=(0.2, 15)
    )
    """0: the catalogue's."""
    most_accelerators: float = _ask(
        64.0, EXAMPLE, part="plan", label=_("Accelerators at most"), unit="devices", slider=(8, 1024)
    )
    """At once."""
    preemptions_per_node_day: float = _ask(
        0.0, "0 but for spot capacity", part="plan", label=_("Capacity taken away, per node and day")
    )
    """Failures of the devices themselves are always counted."""
    staff: float = _ask(2.0, EXAMPLE, part="plan", label=_("People on the training"), unit="people")
    """Who attend to it while it runs."""
    usd_per_person_month: float = _ask(12_000.0, EXAMPLE, part="plan", label=_("Cost of one a month"), unit="USD")
    """With taxes and benefits."""
    rnd_multiplier: float = _ask(
        2.5,
        "economics.assumptions: common practice, 1.5 to 5",
        part="plan",
        label=_("All compute over the final run"),
        unit="×",
        slider=(1, 6),
    )
    """Small runs, sweeps and failures; published costs of final runs leave them out."""
    bytes_per_token: float = _ask(
        4.2, "English text with a 32 k to 128 k vocabulary", part="plan", label=_("Bytes of a token"), unit="bytes"
    )
    """Turns a loss per token into bits per byte."""

    # the options
    output_fraction: float = _ask(
        0.25, "chat services, 0.15 to 0.35", part="options", label=_("Share of tokens written")
    )
    """The rest is read, which is cheaper."""
    growth_per_month: float = _ask(0.05, EXAMPLE, part="options", label=_("Growth of use a month"), slider=(0, 0.3))
    """0.05 is 5 %."""
    horizon_months: float = _ask(
        24.0, "two years: beyond, prices are guesses", part="options", label=_("Months looked at"), unit="months"
    )
    """Costs and cash are followed so far."""
    least_replicas: float = _ask(2.0, "two, so that one may fail", part="options", label=_("Serving replicas at least"))
    """Kept for availability."""
    base_params: float = _ask(8e9, EXAMPLE, part="options", label=_("Open model to build on"), unit="parameters")
    """Its size; continued, tuned or adapted."""
    continue_tokens: float = _ask(10e9, USUAL, part="options", label=_("Tokens to continue on"), unit="tokens")
    """Of the open model's training, on your data."""
    tune_tokens: float = _ask(100e6, USUAL, part="options", label=_("Tokens to tune on"), unit="tokens")
    """All epochs of fine-tuning, or of an adapter."""
    tune_data_usd: float = _ask(5_000.0, EXAMPLE, part="options", label=_("Labels for tuning"), unit="USD")
    """Examples written or checked by people."""
    usd_per_thousand_labels: float = _ask(400.0, EXAMPLE, part="options", label=_("A thousand labels"), unit="USD")
    """What the next thousand checked examples cost."""
    student_params: float = _ask(1.5e9, EXAMPLE, part="options", label=_("Distilled model"), unit="parameters")
    """Size of the student."""
    distil_tokens: float = _ask(3e9, USUAL, part="options", label=_("Tokens of the teacher"), unit="tokens")
    """That the student learns from."""
    api_usd_per_million_input: float = _ask(
        0.5, EXAMPLE, part="options", label=_("API, a million tokens read"), unit="USD", slider=(0.02, 20)
    )
    """Of the API that would meet the bar."""
    api_usd_per_million_output: float = _ask(
        1.5, EXAMPLE, part="options", label=_("API, a million tokens written"), unit="USD", slider=(0.05, 80)
    )
    """Of the same."""
    wait_months: float = _ask(6.0, EXAMPLE, part="options", label=_("Months to wait"), unit="months")
    """Buying the API until then, and tuning an open model afterwards."""
    excluded: str = _ask("", EXAMPLE, part="options", label=_("Options that cannot meet the bar"))
    """Names, separated by commas; they are left out of the decision."""
    business_option: str = _ask(
        "winner",
        EXAMPLE,
        part="options",
        label=_("Option on the business page"),
        choices="winner," + ",".join(OPTION_NAMES),
    )
    """Whose costs the business page carries."""

    # the business
    usd_per_customer_month: float = _ask(
        79.0, EXAMPLE, part="business", label=_("Price a month"), unit="USD", slider=(1, 1000)
    )
    """Per customer."""
    included_tokens: float = _ask(8e6, EXAMPLE, part="business", label=_("Tokens included"), unit="tokens")
    """In the price, per customer and month."""
    overage_usd_per_million: float = _ask(4.0, EXAMPLE, part="business", label=_("A million tokens beyond"), unit="USD")
    """What a customer pays for more."""
    customers: float = _ask(
        800.0, EXAMPLE, part="business", label=_("Paying customers behind these tokens"), unit="customers"
    )
    """At the start of sales; tokens a month divided by them is what one uses."""
    starting_fraction: float = _ask(0.0, "0 before the launch", part="business", label=_("Share of them there already"))
    """1 if the product sells today."""
    new_customers_per_month: float = _ask(
        60.0, EXAMPLE, part="business", label=_("New customers a month"), unit="customers", slider=(1, 5000)
    )
    """In the first month of sales."""
    new_growth_per_month: float = _ask(
        0.05, EXAMPLE, part="business", label=_("Growth of new customers"), slider=(-0.05, 0.3)
    )
    """A month."""
    churn_per_month: float = _ask(
        0.04, "small businesses 3 to 7 %", part="business", label=_("Churn a month"), slider=(0.002, 0.2)
    )
    """Share of customers that leave."""
    churn_customers_observed: float = _ask(
        0.0, "your own count", part="business", label=_("Customers behind that churn")
    )
    """Below 30 it is an assumption, and said to be one."""
    acquisition_usd: float = _ask(
        250.0, EXAMPLE, part="business", label=_("To win a customer"), unit="USD", slider=(0, 5000)
    )
    """Marketing and sales per new customer."""
    heaviness_sigma: float = _ask(
        1.5, "usage of software: a tenth uses about half", part="business", label=_("Spread of use between customers")
    )
    """Standard deviation of the logarithm of use."""
    support_usd_per_customer_month: float = _ask(
        3.0, EXAMPLE, part="business", label=_("Support per customer"), unit="USD"
    )
    """A month."""
    payment_fee_fraction: float = _ask(0.029, "card processors' list price", part="business", label=_("Payment fee"))
    """Share of revenue."""
    collection_days: float = _ask(15.0, USUAL, part="business", label=_("Days until paid"), unit="days")
    """After the month's end."""
    research_share: float = _ask(0.6, USUAL, part="business", label=_("Payroll in research"))
    """Of the rest half sells, half runs the company."""
    other_usd_per_month: float = _ask(6_000.0, EXAMPLE, part="business", label=_("Other costs a month"), unit="USD")
    """Office, tools, lawyers."""
    funding_usd: float = _ask(0.0, EXAMPLE, part="business", label=_("Funding agreed"), unit="USD")
    """A round that is certain."""
    funding_month: float = _ask(6.0, EXAMPLE, part="business", label=_("in month"))
    """Counted from 0."""
    retrain_every_months: float = _ask(12.0, USUAL, part="business", label=_("Train again every"), unit="months")
    """0: never."""
    discount_per_year: float = _ask(
        0.4, "a venture's rate, which holds the chance of failure", part="business", label=_("Discount rate a year")
    )
    """Of later money."""

    # advantage
    market_customers: float = _ask(
        50_000.0, EXAMPLE, part="advantage", label=_("Customers with the problem"), unit="customers"
    )
    """All of them, counted from below."""
    reachable_fraction: float = _ask(0.2, EXAMPLE, part="advantage", label=_("Reachable share"))
    """By this product, language and channel."""
    follower_budget_usd: float = _ask(100_000.0, EXAMPLE, part="advantage", label=_("A follower's budget"), unit="USD")
    """What one who copies you can spend on training."""
    data_growth_tokens_per_month: float = _ask(
        0.0, EXAMPLE, part="advantage", label=_("Own data grow by"), unit="tokens a month"
    )
    """New unique tokens each month."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            choices = item.metadata["choices"]
            if choices and value not in choices.split(","):
                raise InputError(str(item.metadata["label"]), value, f"one of {choices.replace(',', ', ')}")
            if isinstance(value, float) and not -0.5 <= value <= 1e18:
                raise InputError(str(item.metadata["label"]), value, "a number from 0 on")
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise InputError(str(FIELDS[name]["label"]), getattr(self, name), "above 0")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(str(FIELDS[name]["label"]), getattr(self, name), "a share from 0 to 1")
        if not 1 <= self.horizon_months <= 120:
            raise InputError(str(FIELDS["horizon_months"]["label"]), self.horizon_months, "from 1 to 120")
        if self.wait_months >= self.horizon_months:
            raise InputError(str(FIELDS["wait_months"]["label"]), self.wait_months, "less than the months looked at")
        if self.collection_days > 30:
            raise InputError(str(FIELDS["collection_days"]["label"]), self.collection_days, "at most 30")
        if self.most_accelerators < 8:
            raise InputError(str(FIELDS["most_accelerators"]["label"]), self.most_accelerators, "at least 8, one node")

    @property
    def tokens_per_month(self) -> float:
        """Volume of the first month, from requests where these are given."""
        return self.requests_per_month * self.tokens_per_request or self.monthly_tokens

    @property
    def excluded_names(self) -> set[str]:
        return {name.strip() for name in self.excluded.split(",")} & set(OPTION_NAMES)

    @property
    def has_own_law(self) -> bool:
        return self.law.startswith("fit:")


_POSITIVE = (
    "monthly_tokens", "tokens_per_request", "unique_tokens", "deadline_days", "budget_usd", "loss_bar", "base_params",
    "continue_tokens", "tune_tokens", "student_params", "distil_tokens", "customers", "usd_per_currency", "rnd_multiplier",
    "api_usd_per_million_output", "peak_over_mean", "bytes_per_token", "churn_per_month", "most_accelerators",
)  # fmt: skip
_SHARES = (
    "output_fraction", "starting_fraction", "churn_per_month", "payment_fee_fraction", "research_share",
    "reachable_fraction",
)  # fmt: skip
FIELDS: dict[str, dict[str, Any]] = {item.name: dict(item.metadata) for item in fields(PlanInputs)}
TYPES: dict[str, Any] = {name: get_origin(hint) or hint for name, hint in get_type_hints(PlanInputs).items()}
PARTS = ("questions", "plan", "options", "business", "advantage")
GOALS = get_args(Goal)


def inputs_to_dict(inputs: PlanInputs) -> dict[str, Any]:
    """Return the plain values, as a version keeps them."""
    plain: dict[str, Any] = msgspec.to_builtins(inputs)
    return plain


def inputs_from_dict(values: dict[str, Any]) -> PlanInputs:
    """Read what a version keeps; what is not known any more is left out, what is new takes its default."""
    known = {name: value for name, value in values.items() if name in FIELDS}
    typed: dict[str, Any] = {n: float(v) if TYPES[n] is float else str(v) for n, v in known.items()}
    return PlanInputs(**typed)
