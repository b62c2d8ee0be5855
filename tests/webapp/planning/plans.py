"""Plans for the tests: one real answer, worked out once a session and stored for each plan."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

from economics.catalogue.prices import typical_price
from tests.factories import Cast
from webapp.planning.answer import full_answer
from webapp.planning.inputs import PlanInputs, inputs_to_dict
from webapp.planning.models import Plan, PlanVersion
from webapp.planning.prices import PriceUsed, price_about
from webapp.planning.sources import LawUsed, _published

DAY = dt.date(2026, 11, 23)
INPUTS = PlanInputs(horizon_months=18.0, funding_usd=100_000.0)
LAW = "besiroglu-2024"


def published() -> LawUsed:
    return LawUsed(fitted=_published(LAW), label=LAW, is_own=False, stored=None)


def price() -> PriceUsed:
    """The catalogue's price of the day, without a database."""
    typical = typical_price(INPUTS.accelerator, today=DAY)
    assert typical is not None
    return price_about(typical.usd_per_accelerator_hour, typical.spread, typical.note)


@cache
def answered() -> dict[str, Any]:
    """The full answer to INPUTS."""
    return full_answer(INPUTS, published(), price(), DAY, {})


def make_plan(cast: Cast, name: str = "Support assistant, spring") -> Plan:
    """Return a plan whose first version holds a real answer."""
    plan = Plan.objects.create(project=cast.project, name=name, created_by=cast.bob)
    PlanVersion.objects.create(
        plan=plan, number=1, inputs=inputs_to_dict(INPUTS), results=answered(), catalogue_date=DAY, law_label=LAW,
        created_by=cast.bob,
    )  # fmt: skip
    return plan
