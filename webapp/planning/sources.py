"""What a plan draws on: the law (own fit or published), the price of a GPU-hour of the day. Each says where it is from."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from economics.catalogue.accelerators import find_accelerator
from economics.catalogue.purchases import typical_purchase
from economics.errors import InputError
from economics.ownership import owned_hour
from economics.scaling.fitted import FittedLaw
from economics.scaling.published import laws_catalogue, published_fit
from webapp.catalogue.services import price_for
from webapp.ladders.models import ScalingFit
from webapp.planning.inputs import PlanInputs
from webapp.projects.models import Project

REGIONS = {"us": "us-", "eu": "eu", "asia": "asia"}
"""What a region's name holds, as providers write them; where no offer does, any region counts, and the note says so."""

Z90 = 1.2815516
"""90 % point of the standard normal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LawUsed:
    """The law of a plan."""

    fitted: FittedLaw
    label: str
    is_own: bool
    stored: dict[str, Any] | None
    """An own fit as `fit --json` printed it; None for a published one."""

    points: tuple[tuple[float, float], ...] = ()
    """Sizes and tokens of the own runs behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceUsed:
    """The price of a GPU-hour of a plan."""

    usd_per_hour: float
    low: float
    high: float
    note: str


@lru_cache(maxsize=8)
def _published(name: str) -> FittedLaw:
    return published_fit(name)


def published_names() -> list[str]:
    """Return the published laws of loss that a plan may use."""
    return [name for name, row in laws_catalogue().items() if row.get("form") == "parametric"]


def law_used(inputs: PlanInputs, project: Project, stored: dict[str, Any] | None = None) -> LawUsed:
    """Return the law that the inputs name; `stored` is an own fit as a version kept it."""
    kind, _colon, name = inputs.law.partition(":")
    if kind == "published":
        return LawUsed(fitted=_published(name), label=name, is_own=False, stored=None)
    fit = ScalingFit.objects.filter(ladder__project=project, code=name).select_related("ladder").first()
    answer = stored or (fit.answer if fit else None)
    if answer is None or answer["coefficients"]["E"] is None:
        raise InputError("Scaling law", inputs.law, "a fit of this project with at least 8 runs, or a published law")
    points: tuple[tuple[float, float], ...] = ()
    if fit is not None:
        points = tuple(
            fit.ladder.points.filter(pk__in=fit.point_ids, loss__isnull=False).values_list("num_params", "num_tokens")
        )
    label = str(fit) if fit else _("own fit, since removed")
    return LawUsed(fitted=FittedLaw.from_dict(answer), label=label, is_own=True, stored=answer, points=points)


def law_choices(project: Project) -> list[tuple[str, str]]:
    """Return what the form offers: the project's fits first."""
    fits = ScalingFit.objects.filter(ladder__project=project, has_law=True).select_related("ladder")[:20]
    own = [(f"fit:{fit.code}", _("own: %s") % fit) for fit in fits]
    return own + [(f"published:{name}", _("%s (not your data)") % name) for name in published_names()]


def price_used(inputs: PlanInputs, day: dt.date) -> PriceUsed:
    """Return the price given, or the catalogue's of the term and region."""
    if inputs.gpu_usd_per_hour > 0:
        given = inputs.gpu_usd_per_hour
        return PriceUsed(usd_per_hour=given, low=given * 0.94, high=given * 1.06, note=_("given in the plan"))
    device = find_accelerator(inputs.accelerator)
    if inputs.term == "owned":
        return _owned(inputs, day)
    asked = REGIONS.get(inputs.region, "")
    typical = price_for(device.name, inputs.term, asked, at=day) if asked else None
    where = _("region %s") % inputs.region if typical else _("any region")
    typical = typical or price_for(device.name, inputs.term, at=day)
    if typical is None:
        wanted = _("given: the catalogue knows no %(term)s price of %(device)s")
        raise InputError("Price of a GPU-hour", None, wanted % {"term": inputs.term, "device": device.name})
    return price_about(typical.usd_per_hour, typical.spread, f"{typical.note}, {where}")


def price_about(value: float, spread: float, note: str) -> PriceUsed:
    """Return a price with the p10 and p90 that the spread of its offers gives."""
    wide = math.exp(Z90 * min(spread, 0.5))
    return PriceUsed(usd_per_hour=value, low=value / wide, high=value * wide, note=note)


def _owned(inputs: PlanInputs, day: dt.date) -> PriceUsed:
    device = find_accelerator(inputs.accelerator)
    bought = typical_purchase(device.name, today=day)
    if bought is None:
        raise InputError("Price of a GPU-hour", None, _("given: no purchase price of %s is known") % device.name)
    hour = owned_hour(purchase_usd=bought.usd, watts=0.8 * device.watts_of_server, pue=1.2, utilisation=0.7)
    value = hour.total_usd_per_hour
    note = _("%s; 4 years, 10 %% residual, 10 %% cost of capital, 70 %% used, 0.15 USD/kWh") % bought.note
    return PriceUsed(usd_per_hour=value, low=value * 0.77, high=value * 1.29, note=note)
