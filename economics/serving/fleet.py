"""The cheapest fleet for a demand curve, a latency target and a floor of replicas."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from economics.errors import InputError, NoAnswerError
from economics.serving.engine import ServingPlan
from economics.serving.latency import largest_rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """Replicas of one kind that meet a demand."""

    plan: ServingPlan
    requests_per_second_per_replica: float
    replicas_by_hour: tuple[int, ...]
    usd_per_hour_by_hour: tuple[float, ...]

    @property
    def usd_per_day(self) -> float:
        """Cost of all the hours of the curve."""
        return sum(self.usd_per_hour_by_hour)


def fleet_for(
    plan: ServingPlan,
    *,
    requests_per_second_by_hour: tuple[float, ...],
    first_token_seconds: float,
    per_token_seconds: float,
    fewest_replicas: int = 2,
    headroom: float = 0.2,
) -> Fleet:
    """Return the replicas of one kind that each hour needs.

    Each replica takes the largest load within the latency targets, less a headroom for bursts; at least two stand
    ready, so that one may fail. Replicas are switched hourly.

    Parameters
    ----------
    requests_per_second_by_hour : the demand curve, one number an hour
    headroom : share of a replica's largest load that is left free

    Raises
    ------
    NoAnswerError : if one request alone is slower than the targets

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> plan = ServingPlan(decoder=find_decoder("llama-3.1-8b")[0], accelerator=find_accelerator("h100"),
    ...                    usd_per_accelerator_hour=2.5)
    >>> fleet_for(plan, requests_per_second_by_hour=(0.0, 1.0), first_token_seconds=1,
    ...           per_token_seconds=0.05).replicas_by_hour
    (2, 2)
    """
    if plan.usd_per_accelerator_hour is None:
        raise InputError("price_usd_per_accelerator_hour", None, "given")
    rate = (1.0 - headroom) * largest_rate(
        plan, first_token_seconds=first_token_seconds, per_token_seconds=per_token_seconds
    )
    if rate <= 0:
        raise NoAnswerError(
            f"A replica of {plan.layout.num_accelerators} {plan.accelerator.name} does not reach "
            f"{first_token_seconds:g} s to the first token and {per_token_seconds:g} s per token even when idle."
        )
    replicas = tuple(max(fewest_replicas, ceil(demand / rate)) for demand in requests_per_second_by_hour)
    price = plan.usd_per_accelerator_hour * plan.layout.num_accelerators
    return Fleet(
        plan=plan,
        requests_per_second_per_replica=rate,
        replicas_by_hour=replicas,
        usd_per_hour_by_hour=tuple(count * price for count in replicas),
    )


def cheapest_fleet(
    plans: list[ServingPlan],
    *,
    requests_per_second_by_hour: tuple[float, ...],
    first_token_seconds: float,
    per_token_seconds: float,
    fewest_replicas: int = 2,
    headroom: float = 0.2,
) -> Fleet:
    """Return the cheapest of the fleets that kinds of replica give, leaving out those too slow for the targets.

    Raises
    ------
    NoAnswerError : if no kind is fast enough
    """
    found: list[Fleet] = []
    for plan in plans:
        try:
            found.append(
                fleet_for(
                    plan,
                    requests_per_second_by_hour=requests_per_second_by_hour,
                    first_token_seconds=first_token_seconds,
                    per_token_seconds=per_token_seconds,
                    fewest_replicas=fewest_replicas,
                    headroom=headroom,
                )
            )
        except NoAnswerError:
            continue
    if not found:
        raise NoAnswerError("No kind of replica reaches the latency targets, even when idle.")
    return min(found, key=lambda fleet: fleet.usd_per_day)
