"""The report of a preparation as its page shows it: shares, words for reasons, and data for the charts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.datasets.models import DatasetVersion
from webapp.datasets.pages import DataPages, pages_of
from webapp.ui.cells import safe_cell
from webapp.ui.templatetags.figures import count

STEP_WORDS = {
    "read": (gettext_lazy("Read"), gettext_lazy("Files opened, decoded and cut into documents")),
    "normalise": (gettext_lazy("Normalise"), gettext_lazy("Made equal what looks equal")),
    "filter": (gettext_lazy("Filter"), gettext_lazy("Dropped what a model should not learn from")),
    "redact": (gettext_lazy("Redact"), gettext_lazy("Replaced personal data")),
    "exact": (gettext_lazy("Exact duplicates"), gettext_lazy("Removed documents that are the same")),
    "near": (gettext_lazy("Near-duplicates"), gettext_lazy("Removed documents that are nearly the same")),
    "augment": (gettext_lazy("Augment"), gettext_lazy("Added changed copies of training documents")),
    "pack": (gettext_lazy("Tokens"), gettext_lazy("Turned into tokens and packed")),
}
LANGUAGE_WORDS = {
    "zh": gettext_lazy("Chinese"),
    "en": gettext_lazy("English"),
    "code": gettext_lazy("Source code"),
    "other": gettext_lazy("Other"),
}
SPLIT_WORDS = {
    "train": gettext_lazy("Train"),
    "validation": gettext_lazy("Validation"),
    "test": gettext_lazy("Test"),
}
PERSONAL_WORDS = {
    "email": gettext_lazy("E-mail addresses"),
    "phone": gettext_lazy("Telephone numbers"),
    "ip_address": gettext_lazy("IP addresses"),
    "ip": gettext_lazy("IP addresses"),
    "chinese_id": gettext_lazy("Chinese identity numbers"),
    "cn_id": gettext_lazy("Chinese identity numbers"),
    "bank_card": gettext_lazy("Bank cards"),
    "card": gettext_lazy("Bank cards"),
    "us_ssn": gettext_lazy("US social security numbers"),
    "ssn": gettext_lazy("US social security numbers"),
    "iban": gettext_lazy("IBAN"),
}


def report_view(version: DatasetVersion) -> dict[str, Any]:
    """Return the report with everything that its page draws."""
    report, pages = version.report, pages_of(version.dataset.data_kind)
    splits = report.get("splits", {})
    # jsonb does not keep the order of keys
    in_order = [(name, splits[name]) for name in SPLIT_WORDS if name in splits]
    return {
        **report,
        "steps": [_step(step, pages) for step in report.get("steps", [])],
        "splits": _shares(in_order, "tokens" if version.num_tokens else "documents", SPLIT_WORDS),
        "languages": _shares(
            ((row["language"], row) for row in report.get("languages", [])), "documents", LANGUAGE_WORDS
        ),
        "labels": _shares(
            ((row["label"], row) for row in _by_count(report.get("labels", []))), "documents", {"": _("none")}
        ),
        "num_labels": len(report.get("labels", [])),
        "personal_data": [
            {**row, "word": PERSONAL_WORDS.get(row["kind"].lower(), row["kind"])}
            for row in report.get("personal_data", [])
        ],
        "num_skipped": sum(row.get("count", 0) for row in report.get("skipped", [])),
        "lengths_plot": _lengths_plot(report.get("lengths", {})),
        "longest": report.get("lengths", {}).get("longest"),
        "facts_shown": pages.report_facts(report),
        "plots": pages.report_plots(report),
        "seconds_total": sum(report.get("seconds", {}).values()),
    }


def report_rows(version: DatasetVersion) -> list[list[object]]:
    """Return the steps and their reasons as rows of a table with a head, safe to open in a spreadsheet."""
    counted = ("documents_in", "documents_out", "bytes_in", "bytes_out")
    rows: list[list[object]] = [["step", "reason", *counted, "documents", "bytes"]]
    for step in version.report.get("steps", []):
        rows.append([step["name"], "", *(step.get(key) for key in counted), "", ""])
        for reason in step.get("reasons", []):
            documents = reason.get("documents", reason.get("count", ""))
            rows.append([step["name"], reason["reason"], "", "", "", "", documents, reason.get("bytes", "")])
    return [[safe_cell("" if cell is None else cell) for cell in row] for row in rows]


def _step(step: dict[str, Any], pages: DataPages) -> dict[str, Any]:
    name = step["name"]
    title, summary = {name: (pages.title_of(name), ""), **STEP_WORDS, **pages.step_words}[name]
    documents_in, documents_out = step.get("documents_in"), step.get("documents_out") or 0
    return {
        **step,
        "reasons": [
            {**reason, "word": PERSONAL_WORDS.get(reason["reason"], reason["reason"])} for reason in step["reasons"]
        ],
        "title": title,
        "summary": summary,
        "documents_lost": max(documents_in - documents_out, 0) if documents_in else 0,
        "documents_added": max(documents_out - documents_in, 0) if documents_in else 0,
        "kept_fraction": documents_out / documents_in if documents_in else None,
        "bytes_lost": (step.get("bytes_in") or 0) - (step.get("bytes_out") or 0) if documents_in is not None else 0,
    }


def _by_count(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the commonest 50."""
    return sorted(rows, key=lambda row: -row["documents"])[:50]


def _shares(items: Any, key: str, words: Any) -> list[dict[str, Any]]:
    rows = [{**row, "name": name, "word": words.get(name, name)} for name, row in items]
    total = sum(row.get(key) or 0 for row in rows)
    return [{**row, "share": (row.get(key) or 0) / total if total else 0.0} for row in rows]


def _lengths_plot(lengths: dict[str, Any]) -> dict[str, Any] | None:
    edges, counts = lengths.get("edges", []), lengths.get("counts", [])
    if not counts:
        return None
    values = [count(low) if high - low <= 1 else f"{count(low)}–{count(high - 1)}" for low, high in pairwise(edges)]
    return {
        "kind": "bars",
        "x": {"title": _("Tokens in a document"), "values": values[: len(counts)]},
        "y": {"title": _("Documents")},
        "series": [{"name": _("Documents"), "values": counts}],
    }
