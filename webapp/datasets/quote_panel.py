"""What preparing a dataset is expected to take, beside the button that starts it."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from webapp.datasets.models import Dataset


def prepare_panel(request: HttpRequest, dataset: Dataset) -> str:
    """Return what asks for the quote of the recipe's form as it stands."""
    return render_to_string("datasets/_quote.html", {"dataset": dataset, "project": dataset.project}, request=request)
