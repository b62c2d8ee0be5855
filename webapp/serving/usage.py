"""What answering took on a day, for the ledger: the busy seconds of the inference process, by project and model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from django.db.models import Sum

from webapp.costs.machines import machine_ensure
from webapp.costs.models import Machine
from webapp.costs.months import day_start
from webapp.costs.serving import Served
from webapp.jobs.models import Worker
from webapp.projects.models import Project
from webapp.serving.models import Generation


def served_on(day: date) -> Iterator[Served]:
    """Yield what each project's models answered on a day."""
    rows = (
        Generation.objects.filter(created_at__gte=day_start(day), created_at__lt=day_start(day + timedelta(days=1)))
        .exclude(seconds=None)
        .values("project", "checkpoint_sha256", "model_label")
        .annotate(busy=Sum("seconds"), tokens=Sum("num_tokens"))
        .order_by()
    )
    machine = _machine() if rows else None
    projects = Project.objects.select_related("team").in_bulk([row["project"] for row in rows])
    for row in rows:
        yield Served(
            project=projects[row["project"]],
            name=row["checkpoint_sha256"][:16],
            title=row["model_label"],
            device_seconds=row["busy"],
            num_tokens=row["tokens"] or 0,
            machine=machine,
            model_label=row["model_label"][:120],
        )


def _machine() -> Machine | None:
    """Return the machine of the inference process: it runs where this installation's workers do."""
    worker = Worker.objects.filter(stopped_at=None).order_by("-seen_at").first()
    return machine_ensure(worker=worker) if worker else None
