"""The wizard's proposal: sizes with token counts for a budget, resolved into rungs and quoted; and the same for edited rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from economics.errors import EconomicsError
from economics.scaling.ladder_design import (
    RUN_NOISE_SIGMA,
    SizePlan,
    belief_before_runs,
    believed_sigma,
    grid_of,
    ladder_design,
    remaining_sigma,
)
from economics.uncertainty import Interval
from webapp.datasets.models import DatasetVersion
from webapp.ladders.rungs import Common, Rung, RungRefused, trunk
from webapp.ladders.smallest import (
    HARDLY_BEGUN_TOKENS,
    hardly_begun,
    least_params,
    least_tokens,
    smallest_ladder,
    target_along,
)
from webapp.ladders.timing import device_of_ladders, rungs_quote, seconds_model
from webapp.quotes.devices import Device
from webapp.quotes.elsewhere import Elsewhere, elsewhere_of
from webapp.quotes.figures import QuoteFigures, added, sum_of
from webapp.runs.work import train_work
from webapp.teams.models import Team

MOST_EPOCHS = 4.0
"""Beyond so many passes over the data a token is worth less than the law's fresh one."""

MOST_TOKENS = 1e12
"""Of a rung where the data's size is unknown."""

REPEAT_SEED_STEP = 1_000
SLACK_FRACTION = 0.03
NUM_CORRECTIONS = 4
Z80 = 1.2816
"""From a standard deviation to the half width of an 80 % interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRung:
    """A rung with its place in the ladder and its quote."""

    role: str
    size: int
    rung: Rung
    quote: QuoteFigures


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A whole ladder before it is made."""

    sizes: tuple[SizePlan, ...]
    rungs: list[PlannedRung]
    seconds: Interval | None
    usd: Interval | None
    target: tuple[float, float]
    sigma_before: float
    sigma_after: float
    device: Device
    warnings: list[str] = field(default_factory=list)

    @property
    def half_width(self) -> float:
        """Half the 80 % interval that is expected at the target, as a share of the loss."""
        return Z80 * self.sigma_after

    @property
    def half_width_before(self) -> float:
        return Z80 * self.sigma_before

    @property
    def has_repeat(self) -> bool:
        return any(planned.role == "repeat" for planned in self.rungs)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One line a size, as the wizard's table has it; the repeated rung counts to its size."""
        return [_table_row(size, [p for p in self.rungs if p.size == n]) for n, size in enumerate(self.sizes)]

    @property
    def kwh(self) -> Interval | None:
        return added(planned.quote.kwh for planned in self.rungs)

    @property
    def co2e_kg(self) -> Interval | None:
        return added(planned.quote.co2e_kg for planned in self.rungs)

    @property
    def hungriest(self) -> QuoteFigures:
        """The quote of the rung that takes most memory: where it fits, all do."""
        quotes = [planned.quote for planned in self.rungs]
        return max(quotes, key=lambda quote: quote.memory_bytes.p50 if quote.memory_bytes else 0.0)

    @property
    def largest(self) -> PlannedRung:
        return max(self.rungs, key=lambda planned: planned.rung.flop)

    @property
    def target_ratio(self) -> float:
        """Compute of the run to be predicted over that of the largest rung."""
        return self.target[0] * self.target[1] / (self.largest.rung.num_params * self.largest.rung.num_tokens)

    def quote_dict(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds.to_dict() if self.seconds else None,
            "usd": self.usd.to_dict() if self.usd else None,
            "device": self.device.name,
            "sigma_before": self.sigma_before,
            "sigma_after": self.sigma_after,
        }


def propose(
    common: Common, team: Team, *, budget_seconds: float, target_ratio: float, has_repeat: bool = True
) -> Proposal:
    """Return the ladder that tells a run `target_ratio` times beyond it best, within the time."""
    device = measured_device()
    seconds_of = seconds_model(common, device, team, num_repeats=int(has_repeat))
    if seconds_of is None:
        raise RungRefused(NOT_MEASURED())
    train_tokens = common.version.num_units("train") or float("inf")
    for most_tokens in (train_tokens, MOST_EPOCHS * train_tokens):
        with suppress(EconomicsError):
            design = ladder_design(
                seconds_of, budget_seconds=budget_seconds, target_ratio=target_ratio,
                least_params=least_params(common), least_tokens=least_tokens(common), most_tokens=most_tokens,
            )  # fmt: skip
            return _within(design.sizes, common, team, device, budget_seconds, target_ratio, has_repeat)
    sizes = smallest_ladder(common, seconds_of, budget_seconds, min(MOST_EPOCHS * train_tokens, MOST_TOKENS))
    target = target_along(sizes, target_ratio)
    found = quoted(sizes, common, team, target=target, device=device, has_repeat=has_repeat)
    return replace(found, warnings=[too_short(), *found.warnings])


def proposal_elsewhere(proposal: Proposal, version: DatasetVersion, team: Team) -> Elsewhere:
    """Return the whole ladder on other machines. Rungs of a size are one model, whose work simply adds up."""
    quotes = [planned.quote for planned in proposal.rungs]
    works = [
        train_work(planned.rung.spec, version, proposal.device, first_step=planned.rung.first_step)
        for planned in proposal.rungs
    ]
    sizes = [
        [work for work, p in zip(works, proposal.rungs, strict=True) if p.size == n] for n in range(len(proposal.sizes))
    ]
    merged = [
        replace(
            mine[0], amount=sum(work.amount for work in mine), fixed_seconds=sum(work.fixed_seconds for work in mine)
        )
        for mine in sizes
        if mine
    ]
    return elsewhere_of(merged, sum_of(quotes), team)


def too_short() -> str:
    return _(
        "The time is short for enough tokens per parameter: this is the smallest ladder there is; its law will be wide."
    )


def NOT_MEASURED() -> str:  # noqa: N802 - a sentence, translated when it is said
    return _("No basis yet: how fast this machine trains was never measured. Measure it first; it takes half a minute.")


def measured_device() -> Device:
    """Return the device that makes rungs; refuse where none was measured."""
    device = device_of_ladders()
    if device is None:
        raise RungRefused(_("No worker is there to train. Start one, then come back."))
    if not device.calibration:
        raise RungRefused(NOT_MEASURED())
    return device


def _within(
    sizes: tuple[SizePlan, ...],
    common: Common,
    team: Team,
    device: Device,
    budget_seconds: float,
    target_ratio: float,
    has_repeat: bool,
) -> Proposal:
    """Turn a design into whole layers and steps, and shorten its runs until the quote of those keeps to the budget."""
    found = quoted(sizes, common, team, target=target_beyond(sizes, target_ratio), device=device, has_repeat=has_repeat)
    for _round in range(NUM_CORRECTIONS):
        over = found.seconds.p50 / budget_seconds if found.seconds else 1.0
        if 1 - 3 * SLACK_FRACTION <= over <= 1 + SLACK_FRACTION:
            break
        factor = over**-1.2 if over > 1 else min(over**-1.0, 1.5)
        sizes = tuple(
            SizePlan(num_params=size.num_params, num_tokens=tuple(t * factor for t in size.num_tokens))
            for size in sizes
        )
        found = quoted(
            sizes, common, team, target=target_beyond(sizes, target_ratio), device=device, has_repeat=has_repeat
        )
    return found


def target_beyond(sizes: Sequence[SizePlan], ratio: float) -> tuple[float, float]:
    """Return a run at 20 tokens a parameter with so many times the compute of the largest rung."""
    largest = max(size.num_params * size.num_tokens[-1] for size in sizes)
    num_params = (ratio * largest / 20.0) ** 0.5
    return num_params, 20.0 * num_params


def quoted(
    sizes: Sequence[SizePlan],
    common: Common,
    team: Team,
    *,
    target: tuple[float, float],
    device: Device | None = None,
    has_repeat: bool = True,
) -> Proposal:
    """Return a ladder of given sizes with the quote of each rung: what an edited table shows."""
    device = device or measured_device()
    placed = _placed(sizes, common, has_repeat=has_repeat)
    quotes, seconds, usd = rungs_quote([rung for _role, _size, rung in placed], common.version, device, team)
    planned = [
        PlannedRung(role=role, size=size, rung=rung, quote=quote)
        for (role, size, rung), quote in zip(placed, quotes, strict=True)
    ]
    actual = tuple(
        SizePlan(num_params=float(mine[0].rung.num_params), num_tokens=tuple(float(p.rung.num_tokens) for p in mine))
        for size in range(len(sizes))
        if (mine := [p for p in planned if p.size == size and p.role != "repeat"])
    )
    belief = belief_before_runs(target[0] / 10, target[1] / 10)
    n, d = grid_of(actual)
    return Proposal(
        sizes=actual, rungs=planned, seconds=seconds, usd=usd, target=target, device=device,
        sigma_before=believed_sigma(belief, target),
        sigma_after=remaining_sigma(belief, n, d, target, noise_sigma=RUN_NOISE_SIGMA),
        warnings=_warnings(actual, common.version),
    )  # fmt: skip


def _placed(sizes: Sequence[SizePlan], common: Common, *, has_repeat: bool) -> list[tuple[str, int, Rung]]:
    """Return rungs in the order they are run: small before large, so that the law is known before the dearest begins."""
    found: list[tuple[str, int, Rung]] = []
    for index, size in enumerate(sizes):
        rungs = trunk(size.num_params, size.num_tokens, common)
        found += [("trunk" if place == 0 else "cooldown", index, rung) for place, rung in enumerate(rungs)]
        if has_repeat and index == len(sizes) // 2:
            again = trunk(size.num_params, size.num_tokens[:1], common, seed=common.seed + REPEAT_SEED_STEP)
            found += [("repeat", index, again[0])]
    return found


def _warnings(sizes: Sequence[SizePlan], version: DatasetVersion) -> list[str]:
    found = []
    n, d = grid_of(sizes)
    ratio = d / n
    if ratio.max() / ratio.min() < 3:
        found.append(_("All rungs have nearly the same tokens per parameter: size and data could not be told apart."))
    if d.max() < HARDLY_BEGUN_TOKENS:
        found.append(hardly_begun())
    if len(n) < 8:
        found.append(_("Fewer than 8 points: the fit would give a range and no central estimate."))
    train_tokens = version.num_units("train")
    if train_tokens and d.max() > train_tokens:
        found.append(
            _("The longest run sees the data %(n).1f times; repeated tokens are worth a little less than fresh ones.")
            % {"n": d.max() / train_tokens}
        )
    return found


def _table_row(size: SizePlan, planned: list[PlannedRung]) -> dict[str, Any]:
    ratios = [tokens / size.num_params for tokens in size.num_tokens]
    return {
        "params_text": f"{size.num_params / 1e6:.4g}",
        "tokens_text": ", ".join(f"{tokens / 1e6:.4g}" for tokens in size.num_tokens),
        "low": min(ratios),
        "high": max(ratios),
        "seconds": added(p.quote.seconds for p in planned),
        "usd": added(p.quote.usd for p in planned),
    }
