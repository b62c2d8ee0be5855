"""Asking for a smaller form of a model from its page, and what each form takes and costs in quality."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from trainer.compress.spec import METHODS
from webapp.jobs.errors import JobRefused
from webapp.jobs.models import ACTIVE_STATES
from webapp.registry.compression_cards import card_of_compression, usd_per_hour_of
from webapp.registry.compressions import compression_start
from webapp.registry.errors import RegistryError
from webapp.registry.models import Compression, ModelVersion
from webapp.registry.queries import RELATED
from webapp.registry.smaller_forms import ways_of
from webapp.teams.access import team_object
from webapp.teams.models import Role, User


@team_object(ModelVersion, Role.MEMBER, related=RELATED)
@require_POST
def model_compress(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    try:
        compression_start(version=version, method=request.POST.get("method", ""), created_by=cast(User, request.user))
    except (RegistryError, JobRefused) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("It waits for a worker; both forms are then measured side by side."))
    return redirect(f"{version.get_absolute_url()}?tab=compress")


def compress_context(version: ModelVersion) -> dict[str, Any]:
    """Return the cards, for each smaller form both as they were measured in one process, and the forms that ask for more."""
    related = ("job__lease", "run__latest_job__lease", "made", "created_by")
    rows = list(version.compressions.select_related(*related)[:20])
    prices = usd_per_hour_of(rows)
    cards = [card_of_compression(row, prices.get(row.job_id)) for row in rows]
    return {
        "methods": [(name, each) for name, each in METHODS.items()],
        "ways": ways_of(version),
        "cards": cards,
        "is_under_way": any(card["job"].state in ACTIVE_STATES for card in cards),
        "is_compressed": bool(version.checkpoint.compression),
        "made_of": Compression.objects.filter(made=version).select_related("version").first(),
    }
