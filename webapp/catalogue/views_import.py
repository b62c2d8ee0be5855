"""Bringing prices in: a file or today's public catalogue is shown with what it would change, and then taken in."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.catalogue.forms import ImportForm
from webapp.catalogue.importing.batches import batch_changes, batch_leave, batch_show, batch_take
from webapp.catalogue.importing.formats import FORMATS, OWN_COLUMNS
from webapp.catalogue.importing.reading import NotReadable
from webapp.catalogue.importing.refresh import refresh
from webapp.catalogue.models import ImportBatch
from webapp.teams.access import staff
from webapp.teams.models import User

MAX_SHOWN = 300
ORDER = {"changed": 0, "added": 1, "older": 2, "same": 3}


@staff
@require_http_methods(["GET", "POST"])
def price_import(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            batch = batch_show(
                name=file.name, content=file.read(), provider=form.cleaned_data["provider"],
                seen_on=form.cleaned_data["seen_on"], made_by=cast(User, request.user),
            )  # fmt: skip
        except NotReadable as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect("price-batch", batch.pk)
    context = {
        "form": form, "formats": FORMATS.values(), "own_columns": OWN_COLUMNS,
        "batches": ImportBatch.objects.select_related("made_by").defer("rows", "refused")[:20], "section": "prices",
        "tab": "import",
    }  # fmt: skip
    return render(request, "catalogue/import.html", context, status=422 if form.errors else 200)


@staff
@require_POST
def price_refresh(request: HttpRequest) -> HttpResponse:
    try:
        batch = refresh(made_by=cast(User, request.user))
    except NotReadable as refusal:
        messages.error(request, str(refusal))
        return redirect("price-import")
    return redirect("price-batch", batch.pk)


@staff
@require_GET
def price_batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    batch = get_object_or_404(ImportBatch, pk=batch_id)
    changes = sorted(batch_changes(batch), key=lambda change: ORDER[change.kind])
    context = {
        "batch": batch, "changes": changes[:MAX_SHOWN], "num_hidden": max(0, len(changes) - MAX_SHOWN),
        "section": "prices", "tab": "import",
    }  # fmt: skip
    return render(request, "catalogue/batch.html", context)


@staff
@require_POST
def price_batch_take(request: HttpRequest, batch_id: int) -> HttpResponse:
    batch = get_object_or_404(ImportBatch, pk=batch_id)
    if request.POST.get("do") == "leave":
        batch_leave(batch=batch)
        messages.info(request, _("Left as it is; nothing was taken in."))
        return redirect("price-import")
    taken = batch_take(batch=batch)
    text = ngettext("%(n)d price was taken in.", "%(n)d prices were taken in.", taken)
    messages.success(request, text % {"n": taken})
    return redirect("prices")
