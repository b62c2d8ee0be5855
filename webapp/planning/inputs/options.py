"""What the options beside training from scratch take, and how far ahead they are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from webapp.planning.inputs.asking import EXAMPLE, OPTION_NAMES, USUAL, ask
from webapp.planning.inputs.plan import PlanQuestions


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionQuestions(PlanQuestions):
    """What the options beside training from scratch take, and how far ahead they are looked at."""

    output_fraction: float = ask(
        0.25, "chat services, 0.15 to 0.35", part="options", label=_("Share of tokens written")
    )
    """The rest is read, which is cheaper."""
    growth_per_month: float = ask(0.05, EXAMPLE, part="options", label=_("Growth of use a month"), slider=(0, 0.3))
    """0.05 is 5 %."""
    horizon_months: float = ask(
        24.0, "two years: beyond, prices are guesses", part="options", label=_("Months looked at"), unit="months"
    )
    """Costs and cash are followed so far."""
    least_replicas: float = ask(2.0, "two, so that one may fail", part="options", label=_("Serving replicas at least"))
    """Kept for availability."""
    base_params: float = ask(8e9, EXAMPLE, part="options", label=_("Open model to build on"), unit="parameters")
    """Its size; continued, tuned or adapted."""
    continue_tokens: float = ask(10e9, USUAL, part="options", label=_("Tokens to continue on"), unit="tokens")
    """Of the open model's training, on your data."""
    tune_tokens: float = ask(100e6, USUAL, part="options", label=_("Tokens to tune on"), unit="tokens")
    """All epochs of fine-tuning, or of an adapter."""
    tune_data_usd: float = ask(5_000.0, EXAMPLE, part="options", label=_("Labels for tuning"), unit="USD")
    """Examples written or checked by people."""
    usd_per_thousand_labels: float = ask(400.0, EXAMPLE, part="options", label=_("A thousand labels"), unit="USD")
    """What the next thousand checked examples cost."""
    student_params: float = ask(1.5e9, EXAMPLE, part="options", label=_("Distilled model"), unit="parameters")
    """Size of the student."""
    distil_tokens: float = ask(3e9, USUAL, part="options", label=_("Tokens of the teacher"), unit="tokens")
    """That the student learns from."""
    api_usd_per_million_input: float = ask(
        0.5, EXAMPLE, part="options", label=_("API, a million tokens read"), unit="USD", slider=(0.02, 20)
    )
    """Of the API that would meet the bar."""
    api_usd_per_million_output: float = ask(
        1.5, EXAMPLE, part="options", label=_("API, a million tokens written"), unit="USD", slider=(0.05, 80)
    )
    """Of the same."""
    wait_months: float = ask(6.0, EXAMPLE, part="options", label=_("Months to wait"), unit="months")
    """Buying the API until then, and tuning an open model afterwards."""
    excluded: str = ask("", EXAMPLE, part="options", label=_("Options that cannot meet the bar"))
    """Names, separated by commas; they are left out of the decision."""
    business_option: str = ask(
        "winner",
        EXAMPLE,
        part="options",
        label=_("Option on the business page"),
        choices="winner," + ",".join(OPTION_NAMES),
    )
    """Whose costs the business page carries."""
