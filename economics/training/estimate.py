"""The estimate of a decoder's run: throughput, goodput, hours, energy, money; each an interval with its assumptions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from economics.flop.decoder import Recompute, training_flop_per_token
from economics.layout import Layout, check_layout
from economics.memory.training import TrainingMemory
from economics.throughput.search import Choice, best_layout, with_practice
from economics.throughput.step import StepTime
from economics.throughput.workload import Workload
from economics.training.billing import Term
from economics.training.outcome import Conditions, Outcome, outcome_of, run_assumptions
from economics.training.spread import step_spread


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPlan:
    """A run to be estimated. What is None is chosen, and the choice is said."""

    workload: Workload
    """Model, device, sequence length, batch, precision."""
    tokens: float
    num_accelerators: int
    layout: Layout | None = None
    micro_batch: int | None = None
    recompute: Recompute | None = None
    any_virtual: bool = False
    steady_state: bool = False
    """No failures, no checkpoints, nothing but steps."""
    term: Term = "on-demand"
    """How the devices are paid for; spot is not charged while it is taken away."""
    preemptions_per_node_day: float = 0.0
    """How often spot capacity is taken away, per node and day."""
    hot_spares: bool = False
    """Spare nodes stand ready: restarts are half as long."""
    usd_per_accelerator_hour: float | None = None
    usd_spread: float = 0.0
    """Standard deviation of the price's logarithm."""

    @property
    def conditions(self) -> Conditions:
        """Where and on what terms the run takes place."""
        return Conditions(
            accelerator=self.workload.accelerator, num_accelerators=self.num_accelerators,
            num_params=self.workload.decoder.parameters().total, steady_state=self.steady_state, term=self.term,
            preemptions_per_node_day=self.preemptions_per_node_day, hot_spares=self.hot_spares,
            usd_per_accelerator_hour=self.usd_per_accelerator_hour, usd_spread=self.usd_spread,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a run is expected to take, and how it would run."""

    choice: Choice
    outcome: Outcome
    """Throughput, goodput, hours, energy, money; its units are tokens."""
    training_flop: float
    training_flop_6nd: float
    assumptions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def time(self) -> StepTime:
        """The central step."""
        return self.choice.time

    @property
    def memory(self) -> TrainingMemory:
        """The central memory."""
        return self.choice.memory


def training_estimate(plan: RunPlan) -> Estimate:
    """Return the estimate of a training run.

    Draws of what is uncertain (the step's speed, the rate of failures, restarts, how far whole runs stay behind
    steady state, server load, PUE, price) go jointly through the formulas; p10, p50 and p90 are quantiles of the
    results. Memory is the central scenario. Accelerator-hours are accelerators x wall time of this one run.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> work = Workload(decoder=find_decoder("llama-7b")[0], accelerator=find_accelerator("a100"),
    ...                 sequence_length=2048, num_sequences=2048)
    >>> hours = training_estimate(RunPlan(workload=work, tokens=1e12, num_accelerators=1024)).outcome.accelerator_hours
    >>> hours.p10 < 82_432 < hours.p90       # published
    True
    """
    work = plan.workload
    decoder = work.decoder
    if plan.layout:
        experts = decoder.mixture.num_experts if decoder.mixture else 0
        check_layout(
            plan.layout, num_layers=decoder.num_layers, num_heads=decoder.num_heads, num_experts=experts,
            sequence_length=work.sequence_length,
        )  # fmt: skip
    choice = best_layout(
        work, plan.num_accelerators, layout=plan.layout, micro_batch=plan.micro_batch, recompute=plan.recompute,
        any_virtual=plan.any_virtual,
    )  # fmt: skip
    known = plan.layout is not None and plan.micro_batch is not None and plan.recompute is not None
    if plan.layout is None:
        choice = with_practice(choice)
    sd = step_spread(decoder, work.accelerator, known=known)
    flop = training_flop_per_token(decoder, work.sequence_length).total
    outcome = outcome_of(
        replace(plan.conditions, step_seconds=choice.time.seconds),
        rate=choice.time.tokens_per_second_per_accelerator, rate_sd=sd, units=plan.tokens, flop_per_unit=flop,
    )  # fmt: skip
    return Estimate(
        choice=choice,
        outcome=outcome,
        training_flop=flop * plan.tokens,
        training_flop_6nd=6.0 * decoder.parameters().active_matmul * plan.tokens,
        assumptions=run_assumptions(steady_state=plan.steady_state),
    )
