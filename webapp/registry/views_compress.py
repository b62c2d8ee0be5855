"""Asking for a smaller form of a model from its page, and what each form takes and costs in quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from trainer.compress.spec import METHODS
from webapp.costs.models import LedgerEntry
from webapp.jobs.errors import JobRefused
from webapp.jobs.models import ACTIVE_STATES
from webapp.registry.compressions import compression_start, title_of
from webapp.registry.errors import RegistryError
from webapp.registry.models import Compression, ModelVersion
from webapp.registry.queries import RELATED
from webapp.registry.smaller_forms import ways_of
from webapp.teams.access import team_object
from webapp.teams.models import Role, User

SECONDS_PER_HOUR = 3_600


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_POST
def model_compress(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    try:
        compression_start(version=version, method=request.POST.get("method", ""), created_by=cast(User, request.user))
    except (RegistryError, JobRefused) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("It waits for a worker; both forms are then measured one after the other."))
    return redirect(f"{version.get_absolute_url()}?tab=compress")


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """One line of the card: what a form takes on the machine that measured it."""

    file_bytes: int
    resident_bytes: int
    num_parameters: int | None
    num_zero: int
    seconds_per_token: float | None
    seconds_per_example: float | None
    usd_per_million_tokens: float | None
    usd_per_thousand_requests: float | None

    @classmethod
    def of(cls, facts: dict[str, Any], usd_per_hour: float | None) -> Form:
        per_token, per_example = facts.get("seconds_per_token"), facts.get("seconds_per_example")
        rate = None if usd_per_hour is None else usd_per_hour / SECONDS_PER_HOUR
        at_once = facts.get("examples_per_second")
        return cls(
            file_bytes=facts["file_bytes"],
            resident_bytes=facts["resident_bytes"],
            num_parameters=facts.get("num_parameters"),
            num_zero=facts.get("num_zero") or 0,
            seconds_per_token=per_token,
            seconds_per_example=per_example,
            usd_per_million_tokens=rate * per_token * 1e6 if rate is not None and per_token else None,
            usd_per_thousand_requests=rate * 1e3 / at_once if rate is not None and at_once else None,
        )


def compress_context(version: ModelVersion) -> dict[str, Any]:
    """Return the cards, for each smaller form both as they were measured in one process, and the forms that ask for more."""
    related = ("job__lease", "run__latest_job__lease", "made", "created_by")
    rows = list(version.compressions.select_related(*related)[:20])
    prices = dict(
        LedgerEntry.objects.filter(job__in=[row.job_id for row in rows], usd_per_device_hour__isnull=False)
        .order_by("pk")
        .values_list("job_id", "usd_per_device_hour")
    )
    cards = [card_of_compression(row, prices.get(row.job_id)) for row in rows]
    return {
        "methods": [(name, each) for name, each in METHODS.items()],
        "ways": ways_of(version),
        "cards": cards,
        "is_under_way": any(card["job"].state in ACTIVE_STATES for card in cards),
        "is_compressed": bool(version.checkpoint.compression),
        "made_of": Compression.objects.filter(made=version).select_related("version").first(),
    }


def card_of_compression(row: Compression, usd_per_hour: Any) -> dict[str, Any]:
    price = None if usd_per_hour is None else float(usd_per_hour)
    forms = {side: Form.of(row.report[side], price) for side in ("before", "after")} if row.report else None
    return {"row": row, "title": title_of(row), "job": row.working_job, "forms": forms}
