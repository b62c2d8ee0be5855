"""What the plan is looked for with: goal, budget, law, hardware, people."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from webapp.planning.inputs.asking import EXAMPLE, ask
from webapp.planning.inputs.questions import Questions


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanQuestions(Questions):
    """What the plan is looked for with: goal, budget, law, hardware, people."""

    goal: str = ask(
        "best-loss", EXAMPLE, part="plan", label=_("Goal"), choices="best-loss,cheapest-training,fastest,cheapest"
    )
    """Best loss for the budget; cheapest training for a loss; soonest for a loss; least lifetime cost for a loss."""
    budget_usd: float = ask(120_000.0, EXAMPLE, part="plan", label=_("Training budget"), unit="USD", slider=(100, 1e7))
    """All training compute of the project: small runs, failures and the final run."""
    loss_bar: float = ask(2.2, EXAMPLE, part="plan", label=_("Loss to reach"), unit="", slider=(1.85, 3.5))
    """In the unit of the law; used by every goal but the best loss."""
    law: str = ask("published:besiroglu-2024", "catalogue of laws", part="plan", label=_("Scaling law"))
    """Your own fit, or a published one."""
    accelerator: str = ask("H100 SXM", EXAMPLE, part="plan", label=_("Accelerator"))
    """From the catalogue."""
    term: str = ask(
        "on-demand", EXAMPLE, part="plan", label=_("Term"), choices="on-demand,spot,reserved-1y,reserved-3y,owned"
    )
    """How it is paid for."""
    gpu_usd_per_hour: float = ask(
        0.0, "catalogue's price of the term", part="plan", label=_("Price of a GPU-hour"), unit="USD", slider=(0.2, 15)
    )
    """0: the catalogue's."""
    most_accelerators: float = ask(
        64.0, EXAMPLE, part="plan", label=_("Accelerators at most"), unit="devices", slider=(8, 1024)
    )
    """At once."""
    preemptions_per_node_day: float = ask(
        0.0, "0 but for spot capacity", part="plan", label=_("Capacity taken away, per node and day")
    )
    """Failures of the devices themselves are always counted."""
    staff: float = ask(2.0, EXAMPLE, part="plan", label=_("People on the training"), unit="people")
    """Who attend to it while it runs."""
    usd_per_person_month: float = ask(12_000.0, EXAMPLE, part="plan", label=_("Cost of one a month"), unit="USD")
    """With taxes and benefits."""
    rnd_multiplier: float = ask(
        2.5,
        "economics.assumptions: common practice, 1.5 to 5",
        part="plan",
        label=_("All compute over the final run"),
        unit="×",
        slider=(1, 6),
    )
    """Small runs, sweeps and failures; published costs of final runs leave them out."""
    bytes_per_token: float = ask(
        4.2, "English text with a 32 k to 128 k vocabulary", part="plan", label=_("Bytes of a token"), unit="bytes"
    )
    """Turns a loss per token into bits per byte."""
