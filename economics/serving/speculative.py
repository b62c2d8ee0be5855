"""Speculative decoding: a small model proposes, the large one checks several tokens in one step."""

from __future__ import annotations

from economics.errors import InputError


def expected_tokens_per_check(acceptance: float, proposed: int) -> float:
    """Return the tokens that one check yields: (1 - a^(g+1)) / (1 - a), each proposal accepted with probability a.

    >>> expected_tokens_per_check(0.8, 4)
    3.3616
    """
    if not 0 <= acceptance <= 1:
        raise InputError("acceptance", acceptance, "between 0 and 1")
    if acceptance == 1.0:
        return proposed + 1.0
    return round((1.0 - acceptance ** (proposed + 1)) / (1.0 - acceptance), 12)


def speculative_speedup(*, acceptance: float, proposed: int, draft_cost: float, check_cost: float = 1.0) -> float:
    """Return how many times faster decoding becomes; under 1 it is slower.

    Tokens per check over the time of a round: g steps of the draft model (each `draft_cost` of a step of the large
    one) and one check of g + 1 tokens. The check costs one step while decoding is bound by memory and more when the
    batch makes it bound by arithmetic (`check_cost`, from the roofline: that is the clamp).

    Source
    ------
    Leviathan et al. 2022, arXiv 2211.17192, theorem 3.8 (with check_cost = 1).

    >>> round(speculative_speedup(acceptance=0.8, proposed=4, draft_cost=0.05), 2)
    2.8
    >>> speculative_speedup(acceptance=0.8, proposed=4, draft_cost=0.05, check_cost=5.0) < 1
    True
    """
    if draft_cost < 0 or check_cost < 1:
        raise InputError("check_cost", check_cost, "at least 1")
    return expected_tokens_per_check(acceptance, proposed) / (proposed * draft_cost + check_cost)
