"""Invoices: upload, look, take, compare with our own records, book the difference."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.costs import invoices as services
from webapp.costs.charges import FileRefused, header_of
from webapp.costs.csv import csv_response
from webapp.costs.invoice_forms import MapForm, TakeForm, UploadForm
from webapp.costs.models import ColumnMap, Invoice, InvoiceUpload
from webapp.costs.reconcile import Difference, differences, differences_book
from webapp.teams.access import team_object
from webapp.teams.models import Role, Team, User

LINE_COLUMNS = (
    "ChargePeriodStart", "ChargePeriodEnd", "ServiceName", "ServiceCategory", "ChargeCategory", "ChargeClass",
    "CommitmentDiscountId", "CommitmentDiscountStatus", "ChargeDescription", "ResourceId", "ConsumedQuantity",
    "ConsumedUnit", "BilledCost", "EffectiveCost", "ListCost", "BillingCurrency",
)  # fmt: skip
DIFFERENCE_COLUMNS = (
    "day", "kind", "services", "invoiced_usd", "own_usd", "difference_usd", "invoiced_effective_usd",
    "own_effective_usd", "effective_difference_usd",
)  # fmt: skip


@team_object(Team, Role.VIEWER)
@require_http_methods(["GET", "POST"])
def invoices(request: HttpRequest, team: Team) -> HttpResponse:
    may_write = request.team_role >= Role.ADMIN  # type: ignore[attr-defined]
    form = UploadForm(request.POST or None, request.FILES or None, team=team) if may_write else None
    if request.method == "POST":
        if form is None:
            return HttpResponse(status=403)
        if form.is_valid() and (upload := _upload(request, team, form)):
            return redirect("invoice-preview", upload.code)
    rows = team.invoices.annotate(num_lines=Count("lines"), billed=Sum("lines__billed_cost"))
    context = {
        "team": team, "form": form, "invoices": rows, "uploads": InvoiceUpload.objects.filter(team=team),
        "maps": team.column_maps.all(),
    }  # fmt: skip
    return render(request, "costs/invoices.html", context, status=422 if form and form.errors else 200)


def _upload(request: HttpRequest, team: Team, form: UploadForm) -> InvoiceUpload | None:
    file = form.cleaned_data["file"]
    try:
        return services.upload_keep(
            team=team,
            file_name=file.name,
            content=file.read(services.MAX_FILE_BYTES + 1),
            created_by=cast(User, request.user),
            columns=form.cleaned_data["columns"],
            provider=form.cleaned_data["provider"],
            currency=form.cleaned_data["currency"],
        )
    except FileRefused as error:
        form.add_error("file", str(error))
        return None


@team_object(InvoiceUpload, Role.ADMIN, related=("team",))
@require_http_methods(["GET", "POST"])
def invoice_preview(request: HttpRequest, upload: InvoiceUpload) -> HttpResponse:
    """What taking the file would add; a POST changes how its columns are read."""
    header = header_of(upload.text)
    form = MapForm(request.POST or None, header=header, columns=upload.columns)
    if request.method == "POST" and form.is_valid():
        _map(upload, form)
        return redirect("invoice-preview", upload.code)
    context: dict[str, Any] = {"team": upload.team, "upload": upload, "map_form": form, "take_form": TakeForm()}
    try:
        context["preview"] = services.preview(upload)
    except FileRefused as error:
        context["refused"] = str(error)
    return render(request, "costs/invoice_preview.html", context, status=422 if form.errors else 200)


def _map(upload: InvoiceUpload, form: MapForm) -> None:
    upload.columns = form.columns()
    upload.save(update_fields=["columns"])
    if name := form.cleaned_data["map_name"].strip():
        ColumnMap.objects.update_or_create(team=upload.team, name=name, defaults={"columns": upload.columns})


@team_object(InvoiceUpload, Role.ADMIN, related=("team",))
@require_POST
def invoice_take(request: HttpRequest, upload: InvoiceUpload) -> HttpResponse:
    form = TakeForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("invoice-preview", upload.code)
    try:
        invoice = services.invoice_take(upload=upload, by=cast(User, request.user), **form.cleaned_data)
    except (ValidationError, FileRefused) as error:
        messages.error(request, " ".join(getattr(error, "messages", [str(error)])))
        return redirect("invoice-preview", upload.code)
    messages.success(request, _("Taken. Below is how it differs from our own records."))
    return redirect("invoice-detail", invoice.code)


@team_object(InvoiceUpload, Role.ADMIN, related=("team",))
@require_POST
def invoice_discard(request: HttpRequest, upload: InvoiceUpload) -> HttpResponse:
    team = upload.team
    upload.delete()
    messages.success(request, _("The file was thrown away; nothing was taken from it."))
    return redirect("team-invoices", team.code)


@team_object(Invoice, Role.VIEWER, related=("team",))
@require_GET
def invoice_detail(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    found = differences(invoice)
    totals = {
        "invoiced": sum((each.invoiced_usd for each in found), Decimal(0)),
        "own": sum((each.own_usd for each in found), Decimal(0)),
    }
    context = {
        "team": invoice.team,
        "invoice": invoice,
        "rows": found,
        "totals": totals | {"difference": totals["invoiced"] - totals["own"]},
        "may_book": request.team_role >= Role.ADMIN and any(each.matters for each in found),  # type: ignore[attr-defined]
        "chart": difference_chart(found),
        "num_lines": invoice.lines.count(),
    }
    return render(request, "costs/invoice.html", context)


def difference_chart(found: list[Difference]) -> dict[str, Any]:
    """Return the difference of each day, by kind."""
    days = sorted({each.day for each in found})
    kinds = sorted({each.kind for each in found})
    usd = {(each.day, each.kind): float(each.difference_usd) for each in found}
    titles = {each.kind: each.kind_title for each in found}
    return {
        "kind": "bars",
        "x": {"title": _("Day"), "values": [day.isoformat() for day in days], "type": "date"},
        "y": {"title": _("USD, invoice less own"), "prefix": "$"},
        "series": [{"name": titles[kind], "values": [usd.get((day, kind), 0.0) for day in days]} for kind in kinds],
    }


@team_object(Invoice, Role.ADMIN, related=("team",))
@require_POST
def invoice_book(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    count = differences_book(invoice=invoice, by=cast(User, request.user))
    messages.success(request, _("%d differences were written into the ledger as entries of their own.") % count)
    return redirect("invoice-detail", invoice.code)


@team_object(Invoice, Role.VIEWER, related=("team",))
@require_GET
def invoice_lines_csv(request: HttpRequest, invoice: Invoice) -> StreamingHttpResponse:
    rows: Iterator[tuple[object, ...]] = (
        (
            line.starts_at.isoformat(), line.ends_at.isoformat(), line.service, line.category, line.charge_category,
            line.charge_class, line.commitment_id, line.commitment_status, line.description, line.resource_id,
            line.quantity, line.unit, line.billed_cost, line.effective_cost, line.list_cost, invoice.currency,
        )
        for line in invoice.lines.iterator()
    )  # fmt: skip
    return csv_response(rows, columns=LINE_COLUMNS, name=f"invoice-{invoice.code}")


@team_object(Invoice, Role.VIEWER, related=("team",))
@require_GET
def invoice_differences_csv(request: HttpRequest, invoice: Invoice) -> StreamingHttpResponse:
    rows = (tuple(getattr(each, name) for name in DIFFERENCE_COLUMNS) for each in differences(invoice))
    return csv_response(rows, columns=DIFFERENCE_COLUMNS, name=f"reconciliation-{invoice.code}")
