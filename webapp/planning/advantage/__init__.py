"""Which economic advantages does this company have? Data, barrier, market, levers, success factors, challenges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.planning.advantage.barrier import barrier
from webapp.planning.advantage.challenges import challenges
from webapp.planning.advantage.data import data
from webapp.planning.advantage.efficiency import efficiency_levers
from webapp.planning.advantage.market import market
from webapp.planning.inputs import PlanInputs
from webapp.planning.levers import elasticities
from webapp.planning.prices import PriceUsed
from webapp.planning.scale import ScaleAnswer
from webapp.planning.sources import LawUsed


def advantage(
    inputs: PlanInputs, law: LawUsed, price: PriceUsed, found: ScaleAnswer, decided: Mapping[str, Any],
    business: Mapping[str, Any], facts: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Return the advantage page's figures; `facts` are the project's measured ones (data reports, evidence of levers)."""
    best = found.best
    return {
        "data": data(inputs, law, price, found, facts),
        "barrier": barrier(inputs, decided, best),
        "market": market(inputs, business),
        "levers": efficiency_levers(inputs, price, found, decided, facts),
        "factors": elasticities(business["table"]),
        "challenges": challenges(found, facts),
    }
