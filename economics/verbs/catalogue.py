"""List what the catalogue knows: accelerators, prices, APIs, models, laws."""

from __future__ import annotations

import argparse
import datetime as dt
import tomllib
from dataclasses import asdict
from importlib import resources
from typing import Any

from rich.console import Console

from economics.architecture.lookup import preset, presets
from economics.catalogue.accelerators import accelerators, find_accelerator
from economics.catalogue.prices import FRESH_DAYS, Offer, offers, yearly_price_decline
from economics.catalogue.purchases import purchases
from economics.errors import InputError
from economics.tables import show_rows
from economics.verbs._options import today

KINDS = ("accelerators", "prices", "purchases", "apis", "models", "laws", "rates")


def catalogue(kind: str, *, name: str | None = None, on_day: dt.date | None = None) -> dict[str, Any]:
    """Return the rows of a part of the catalogue, each with its source and date.

    Prices come in two lists that are never mixed: fresh ones (at most 180 days old), cheapest first, and old or undated
    ones with what they are ("prices of March 2025: refresh to compare").

    >>> catalogue("accelerators", name="h100")["rows"][0]["name"]
    'H100 SXM'
    """
    day = on_day or today()
    if kind == "accelerators":
        return {"kind": kind, "rows": _accelerators(name)}
    if kind == "prices":
        return {"kind": kind, **_prices(name, day)}
    if kind == "models":
        return {"kind": kind, "rows": _models(name)}
    if kind == "purchases":
        wanted = find_accelerator(name).name if name else None
        bought = sorted(purchases(), key=lambda p: (p.accelerator, p.date))
        rows = [{**asdict(p), "date": p.date.isoformat()} for p in bought if wanted in (None, p.accelerator)]
        return {"kind": kind, "rows": rows}
    if kind == "apis":
        return {"kind": kind, **_apis(name, day)}
    if kind in ("laws", "rates"):
        return {"kind": kind, "rows": _file(f"{kind}.toml", name)}
    raise InputError("kind", kind, "one of " + ", ".join(KINDS))


def _accelerators(name: str | None) -> list[dict[str, Any]]:
    chosen = [find_accelerator(name)] if name else list(accelerators().values())
    return [
        {
            "name": a.name,
            "memory_gb": a.memory_bytes / 1e9,
            "memory_gb_per_second": a.memory_bytes_per_second / 1e9,
            "bf16_tflop_per_second": a.bf16_flop_per_second / 1e12,
            "measured_bf16_tflop_per_second": (a.bf16_ceiling_flop_per_second / 1e12) or None,
            "fp8_tflop_per_second": (a.fp8_flop_per_second / 1e12) or None,
            "link_gb_per_second": (a.link_bytes_per_second / 1e9) or None,
            "watts": a.rated_watts or None,
            "from_memory": a.from_memory,
            "note": a.note,
            "source": a.source,
        }
        for a in chosen
    ]


def _offer(offer: Offer, day: dt.date) -> dict[str, Any]:
    return {
        "accelerator": offer.accelerator,
        "provider": offer.provider,
        "term": offer.term,
        "usd_per_accelerator_hour": offer.usd_per_accelerator_hour,
        "accelerators_per_instance": offer.accelerators_per_instance,
        "region": offer.region,
        "date": offer.date.isoformat() if offer.date else None,
        "state": _state(offer.date, day),
        "currency": "USD",
        "tax_included": False,
        "marks": offer.marks,
        "source": offer.source,
    }


def _prices(name: str | None, day: dt.date) -> dict[str, Any]:
    wanted = find_accelerator(name).name if name else None
    chosen = [offer for offer in offers() if wanted in (None, offer.accelerator)]
    fresh = sorted(
        (o for o in chosen if o.is_fresh(day)), key=lambda o: (o.term, o.accelerator, o.usd_per_accelerator_hour)
    )
    old = sorted((o for o in chosen if not o.is_fresh(day)), key=lambda o: o.date or dt.date.min, reverse=True)
    return {
        "rows": [_offer(offer, day) for offer in fresh],
        "old_rows": [_offer(offer, day) for offer in old],
        "yearly_decline_fraction": yearly_price_decline(wanted, today=day) if wanted else None,
    }


def _apis(name: str | None, day: dt.date) -> dict[str, Any]:
    """API prices, fresh and old apart as with accelerators; the cheapest output first, the newest first."""
    rows = [{**row, "state": _state(row.get("date"), day), "currency": "USD", "tax_included": False}
            for row in _file("apis.toml", name)]  # fmt: skip
    fresh = sorted((row for row in rows if row["state"] == "fresh"), key=lambda row: row["output"])
    old = sorted((row for row in rows if row["state"] != "fresh"), key=lambda row: row.get("date", ""), reverse=True)
    return {"rows": fresh, "old_rows": old}


def _state(date: str | dt.date | None, day: dt.date) -> str:
    """What a price of some day is worth today."""
    if date is None:
        return "undated: refresh to compare"
    seen = dt.date.fromisoformat(date) if isinstance(date, str) else date
    return "fresh" if (day - seen).days <= FRESH_DAYS else f"prices of {seen:%B %Y}: refresh to compare"


def _models(name: str | None) -> list[dict[str, Any]]:
    rows = []
    for key, (kind, sizes) in presets().items():
        if name and name.lower() not in key:
            continue
        counted = preset(key).parameters()
        rows.append(
            {
                "name": key,
                "kind": kind,
                "total": counted.total,
                "active": counted.active,
                "published": sizes.get("published"),
            }
        )
    return rows


def _file(file: str, name: str | None) -> list[dict[str, Any]]:
    table = tomllib.loads(resources.files("economics.catalogue").joinpath(file).read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = []
    for key, row in table.items():
        if not isinstance(row, dict) or (name and name.lower() not in key.lower()):
            continue
        plain = {k: v.isoformat() if isinstance(v, dt.date | dt.datetime) else v for k, v in row.items()}
        rows.append({"name": key, **plain})
    return rows


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("kind", help=", ".join(KINDS))
    parser.add_argument("--name", help="only what bears this name")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the arguments and list."""
    return catalogue(arguments.kind, name=arguments.name)


def show(result: dict[str, Any], console: Console) -> None:
    """Draw the rows without their sources (they are in --json)."""
    rows = result["rows"]
    if not rows and not result.get("old_rows"):
        console.print("Nothing of that name.")
    left_out = ("source", "note", "marks", "currency", "tax_included", "from_memory")
    for title, group in ((result["kind"], rows), ("old or undated", result.get("old_rows", [])[:40])):
        if group:
            names = list(dict.fromkeys(key for row in group for key in row if key not in left_out))
            shown = [{k: v for k, v in row.items() if not isinstance(v, dict)} for row in group]
            show_rows(shown, console, title=title, columns=[n for n in names if any(n in row for row in shown)][:9])


def explain(result: dict[str, Any]) -> list[str]:
    """Say what the rows are and how old they may be."""
    lines = [f"{len(result['rows'])} rows of {result['kind']}, each with its source and date (in --json)"]
    if "old_rows" in result:
        lines.append(
            f"fresh = at most {FRESH_DAYS} days old; {len(result['old_rows'])} older or undated ones stand apart"
        )
    if result.get("yearly_decline_fraction") is not None:
        fall = 100 * result["yearly_decline_fraction"]
        lines.append(f"decline = 1 - e^slope of ln(price) over years, all dated offers = {fall:.0f} % a year")
    return lines
