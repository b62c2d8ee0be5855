"""A version on its way out: JSON, CSV, workbook, and the files that the command line reads."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from webapp.planning.charts import options_table
from webapp.planning.inputs import FIELDS
from webapp.planning.moves import WATCHED, value_at
from webapp.planning.page import PlanPage
from webapp.planning.prices import PriceUsed
from webapp.planning.sources import LawUsed, law_used
from webapp.planning.tables import option_tables, plan_table, toml_text
from webapp.planning.workbook import workbook_bytes
from webapp.ui.cells import safe_cell

TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "plan-toml": "application/toml",
    "venture-toml": "application/toml",
    "fit": "application/json",
}
ENDINGS = {"plan-toml": "toml", "venture-toml": "toml", "fit": "json"}


def export_bytes(page: PlanPage, kind: str) -> bytes:
    """Return the version in one of the forms of `TYPES`."""
    made: dict[str, Any] = {
        "json": lambda: _json(page),
        "csv": lambda: _csv(page),
        "xlsx": lambda: workbook_bytes(page.version, page.inputs),
        "plan-toml": lambda: plan_toml(page).encode(),
        "venture-toml": lambda: toml_text(page.results["business"]["table"]).encode(),
        "fit": lambda: json.dumps(page.version.law or {}, sort_keys=True, indent=2).encode(),
    }
    found: bytes = made[kind]()
    return found


def _json(page: PlanPage) -> bytes:
    version = page.version
    plain = {
        "plan": page.plan.name, "version": version.number, "catalogue_date": version.catalogue_date.isoformat(),
        "law": version.law_label, "note": version.note, "inputs": version.inputs, "results": version.results,
    }  # fmt: skip
    return json.dumps(plain, sort_keys=True, indent=2, ensure_ascii=False).encode()


def _csv(page: PlanPage) -> bytes:
    """Inputs with their sources, watched results, options: one table under the other."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["part", "name", "value", "unit", "source"])
    for name, meta in FIELDS.items():
        row = ["input", str(meta["label"]), getattr(page.inputs, name), meta["unit"], meta["source"]]
        writer.writerow([safe_cell(cell) for cell in row])
    for title, path, kind in WATCHED:
        writer.writerow(
            [safe_cell(cell) for cell in ("result", title, value_at(page.results, path), kind, "economics")]
        )
    for title, low, mid, high, probability, regret in options_table(page.results):
        for what, value in (
            ("p10", low),
            ("p50", mid),
            ("p90", high),
            ("P(cheapest)", probability),
            ("regret", regret),
        ):
            writer.writerow([safe_cell(cell) for cell in ("option", f"{title}, {what}", value, "", "economics.plan")])
    return out.getvalue().encode()


def plan_toml(page: PlanPage) -> str:
    """Return the file from which `python -m economics plan` works out the same figures."""
    stored = page.results["price"]
    price = PriceUsed(usd_per_hour=stored["usd_per_hour"], low=stored["low"], high=stored["high"], note=stored["note"])
    law: LawUsed = law_used(page.inputs, page.plan.project, page.version.law)
    table = plan_table(page.inputs, law, price) | {"options": option_tables(page.inputs, page.results["scale"]["best"])}
    return toml_text(table)
