"""What the cost page of a project or a team shows, and the same as one table for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from webapp.costs import queries
from webapp.costs.charts import by_day_chart, month_chart, outcome_chart, share_chart
from webapp.costs.models import LedgerEntry
from webapp.costs.months import Month, month_of
from webapp.costs.outcomes import spend_by_outcome

PERIODS = {"7": 7, "30": 30, "365": 365, "all": None}
NUM_ENTRIES = 50
KIND_TITLES = {str(kind.value): str(kind.label) for kind in LedgerEntry.Kind}


def cost_page(entries: QuerySet[LedgerEntry], everything: QuerySet[LedgerEntry]) -> dict[str, Any]:
    """Return the page of some entries; the month's forecast looks at `everything` of the owner, whatever the period."""
    by_kind = titled(queries.spend_by(entries, "kind"))
    by_job = queries.spend_by(entries.exclude(job_kind=""), "job_kind")
    by_member = queries.spend_by(entries.exclude(member=None), "member__name", "member__email")
    by_model = queries.spend_by(entries.exclude(model_label=""), "model_label")
    month = month_of(everything)
    return {
        "spend": queries.spend(entries),
        "month": month,
        "charts": [
            ("cost-by-day", _("By day"), by_day_chart(queries.spend_by_day(entries), KIND_TITLES)),
            ("cost-month", _("This month, and its end"), month_chart(month) if month.sums[-1] else empty_chart()),
            ("cost-by-outcome", _("By what jobs led to"), outcome_chart(spend_by_outcome(entries))),
            ("cost-by-kind", _("By kind of cost"), share_chart(by_kind, "title", title=_("Kind of cost"))),
            ("cost-by-job", _("By kind of job"), share_chart(by_job, "job_kind", title=_("Kind of job"))),
            ("cost-by-model", _("By model"), share_chart(by_model, "model_label", title=_("Model"))),
            (
                "cost-by-member",
                _("By member"),
                share_chart(by_member, "member__name", "member__email", title=_("Member")),
            ),
        ],
        "entries": entries.select_related("job", "member", "machine", "project", "team")[:NUM_ENTRIES],
        "wasted_outcomes": queries.WASTED_OUTCOMES,
        "periods": [("7", _("7 days")), ("30", _("30 days")), ("365", _("a year")), ("all", _("all time"))],
    }


def titled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows by kind of cost with the kind's name for people."""
    return [{**row, "title": KIND_TITLES[row["kind"]]} for row in rows]


def empty_chart() -> dict[str, Any]:
    return {"x": {"values": []}}


BREAKDOWN_COLUMNS = ("view", "value", "effective_usd", "billed_usd", "failed_usd", "seconds", "attempts")


def breakdown_rows(entries: QuerySet[LedgerEntry]) -> Iterator[tuple[object, ...]]:
    """Yield what all the charts show, as rows of one table."""
    views = {
        "kind": ("kind",),
        "project": ("project__name",),
        "job kind": ("job_kind",),
        "model": ("model_label",),
        "member": ("member__email",),
    }
    for view, fields in views.items():
        for row in queries.spend_by(entries, *fields):
            yield (
                view, row[fields[0]] or "", row["usd"], row["billed"], row["wasted"], row["total_seconds"], row["attempts"]
            )  # fmt: skip
    for each in spend_by_outcome(entries):
        yield ("outcome", each.name, each.usd, "", "", "", "")
    by_day = queries.spend_by_day(entries)
    for place, day in enumerate(by_day["days"]):
        yield ("day", day, sum(series[place] for series in by_day["usd"]), "", "", "", "")
    yield from month_rows(month_of(entries))


def month_rows(month: Month) -> Iterator[tuple[object, ...]]:
    """Yield the month's sums and the forecast of its end."""
    for day, total in zip(month.days, month.sums, strict=False):
        yield ("month so far", day.isoformat(), total, "", "", "", "")
    if month.forecast.total is not None:
        for name, value in month.forecast.total.to_dict().items():
            yield (f"month's end {name}", month.last.isoformat(), value, "", "", "", "")
