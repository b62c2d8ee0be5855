"""Pages of accelerators and prices, for everybody who is signed in."""

from __future__ import annotations

import csv
import io

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from economics.catalogue.prices import yearly_price_decline
from webapp.catalogue import queries
from webapp.catalogue.freshness import FLAG_DAYS, today
from webapp.catalogue.importing.formats import OWN_COLUMNS
from webapp.catalogue.models import Accelerator, ApiPrice, Term
from webapp.catalogue.services import offers_current
from webapp.teams.access import signed_in


@signed_in
@require_GET
def accelerators(request: HttpRequest) -> HttpResponse:
    sort = request.GET.get("sort", "name")
    descending = sort.startswith("-")
    name = sort.lstrip("-")
    lines = queries.accelerator_lines(at=today(), sort=name, descending=descending)
    context = {"lines": lines, "sort": name, "descending": descending, "section": "prices", "tab": "accelerators"}
    return render(request, "catalogue/accelerators.html", context)


@signed_in
@require_GET
def accelerator_detail(request: HttpRequest, accelerator_id: int) -> HttpResponse:
    accelerator = get_object_or_404(Accelerator, pk=accelerator_id)
    day = today()
    fresh, apart = queries.prices_ranked(queries.Filter(accelerator=accelerator.name), at=day)
    context = {
        "accelerator": accelerator,
        "peaks": queries.peaks(accelerator),
        "chart": queries.price_chart(accelerator, at=day),
        "decline": yearly_price_decline(accelerator.name, today=day),
        "purchases": accelerator.purchases.filter(seen_on__lte=day)[:20],
        "fresh": fresh,
        "apart": apart,
        "at": day,
        "section": "prices",
        "tab": "accelerators",
    }
    return render(request, "catalogue/accelerator.html", context)


@signed_in
@require_GET
def prices(request: HttpRequest) -> HttpResponse:
    wanted = queries.Filter(
        **{name: request.GET.get(name, "").strip()[:120] for name in ("accelerator", "term", "region", "provider")}
    )
    day = today()
    fresh, apart = queries.prices_ranked(wanted, at=day)
    context = {
        "fresh": fresh,
        "apart": apart,
        "num_apart": sum(len(group.prices) for group in apart),
        "wanted": wanted,
        "choices": queries.filter_choices(),
        "terms": Term.choices,
        "flag_days": FLAG_DAYS,
        "at": day,
        "section": "prices",
        "tab": "prices",
    }
    return render(request, "catalogue/prices.html", context)


@signed_in
@require_GET
def prices_csv(request: HttpRequest) -> HttpResponse:
    """The day's prices in the format that can be read back. Cells that a spreadsheet would run are marked as text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(OWN_COLUMNS)
    for price in offers_current(today()).order_by("accelerator_name", "usd_per_hour"):
        cells = (
            price.provider, price.accelerator_name, price.instance, price.count, price.term, price.region, price.amount,
            price.currency, price.usd_per_currency, price.rate_on or "", "yes" if price.has_tax else "no",
            price.seen_on or "", price.source, price.marks,
        )  # fmt: skip
        writer.writerow([_safe(cell) for cell in cells])
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="prices.csv"'
    return response


@signed_in
@require_GET
def api_prices(request: HttpRequest) -> HttpResponse:
    day = today()
    newest = ApiPrice.objects.filter(seen_on__lte=day).order_by("name", "provider", "-seen_on", "-id")
    rows = sorted(newest.distinct("name", "provider"), key=lambda row: row.output_usd)
    context = {
        "rows": [(row, row.age_days(day)) for row in rows],
        "flag_days": FLAG_DAYS,
        "section": "prices",
        "tab": "apis",
    }
    return render(request, "catalogue/apis.html", context)


def _safe(cell: object) -> str:
    text = str(cell)
    return f"'{text}" if text[:1] in "=+-@\t\r" and text[:1] else text
