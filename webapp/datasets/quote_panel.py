"""What preparing a dataset is expected to take, beside the button that starts it."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from webapp.datasets.kinds import prepare_work
from webapp.datasets.models import Dataset
from webapp.datasets.queries import files_total
from webapp.jobs.models import Queue
from webapp.quotes.elsewhere import elsewhere
from webapp.quotes.services import quote_work


def prepare_panel(request: HttpRequest, dataset: Dataset) -> str:
    """Return the quote of a preparation of the dataset's files; its time is told by own preparations alone."""
    totals = files_total(dataset)
    work = prepare_work(num_bytes=float(totals["size_bytes"] or 0))
    quote = quote_work(work, team=dataset.project.team, kind="prepare", queue=Queue.CPU)
    context = {"quote": quote, "totals": totals, "elsewhere": elsewhere(work, quote, dataset.project.team)}
    return render_to_string("datasets/_quote.html", context, request=request)
