"""What a smaller form of a model takes and costs, beside its original: the lines of its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.costs.models import LedgerEntry
from webapp.registry.compressions import title_of
from webapp.registry.models import Compression

SECONDS_PER_HOUR = 3_600


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


def usd_per_hour_of(rows: Sequence[Compression]) -> dict[int, Any]:
    """Return job -> price of an hour of the machine that measured."""
    entries = LedgerEntry.objects.filter(job__in=[row.job_id for row in rows], usd_per_device_hour__isnull=False)
    return dict(entries.order_by("pk").values_list("job_id", "usd_per_device_hour"))


def card_of_compression(row: Compression, usd_per_hour: Any) -> dict[str, Any]:
    price = None if usd_per_hour is None else float(usd_per_hour)
    forms = {side: Form.of(row.report[side], price) for side in ("before", "after")} if row.report else None
    return {"row": row, "title": title_of(row), "job": row.working_job, "forms": forms}
