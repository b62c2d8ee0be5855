"""The law that a plan draws on: an own fit or a published one. It says where it is from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from economics.errors import InputError
from economics.scaling.fitted import FittedLaw
from economics.scaling.published import laws_catalogue, published_fit
from webapp.ladders.models import ScalingFit
from webapp.planning.inputs import PlanInputs
from webapp.projects.models import Project


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
