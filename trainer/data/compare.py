"""Two preparations side by side: what differs in recipe, counts and results."""

from __future__ import annotations

from typing import Any


def compare_reports(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Return the differences of two reports: `recipe` (field, a, b), `steps`, `totals`, `splits`, and the lists by name."""
    return {
        "same_content": a["totals"]["content_hash"] == b["totals"]["content_hash"],
        "same_sources": [s["sha256"] for s in a["sources"]] == [s["sha256"] for s in b["sources"]],
        "recipe": _recipe_differences(a["recipe"], b["recipe"]),
        "totals": _numbers(a["totals"], b["totals"]),
        "steps": [
            {"name": name, **_pair(_step(a, name), _step(b, name))} for name in _names(a["steps"], b["steps"], "name")
        ],
        "splits": {name: _numbers(a["splits"].get(name, {}), b["splits"].get(name, {})) for name in a["splits"]},
        "languages": _by_name(a["languages"], b["languages"], "language", "documents"),
        "labels": _by_name(a["labels"], b["labels"], "label", "documents"),
        "personal_data": _by_name(a["personal_data"], b["personal_data"], "kind", "count"),
        "skipped": _by_name(a["skipped"], b["skipped"], "reason", "count"),
        "duplicates": {
            "exact": _pair(a["duplicates"]["exact"]["removed"], b["duplicates"]["exact"]["removed"]),
            "near": _pair(a["duplicates"]["near"]["removed"], b["duplicates"]["near"]["removed"]),
        },
    }


def _pair(a: Any, b: Any) -> dict[str, Any]:
    return {"a": a, "b": b}


def _recipe_differences(a: dict[str, Any], b: dict[str, Any]) -> list[dict[str, Any]]:
    fields = [(step, name) for step in {**a, **b} for name in {**a.get(step, {}), **b.get(step, {})}]
    pairs = [(f"{step}.{name}", a.get(step, {}).get(name), b.get(step, {}).get(name)) for step, name in fields]
    return [{"field": field, **_pair(left, right)} for field, left, right in pairs if left != right]


def _numbers(a: dict[str, Any], b: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each figure of both, with the change as a fraction of the first where that has a meaning."""
    figures = {}
    for name in {**a, **b}:
        left, right = a.get(name), b.get(name)
        figures[name] = _pair(left, right)
        if isinstance(left, (int, float)) and isinstance(right, (int, float)) and left:
            figures[name]["change_fraction"] = round(right / left - 1, 6)
    return figures


def _step(report: dict[str, Any], name: str) -> dict[str, Any] | None:
    found = next((step for step in report["steps"] if step["name"] == name), None)
    return {key: value for key, value in found.items() if key not in ("name", "reasons")} if found else None


def _names(a: list[dict[str, Any]], b: list[dict[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(str(item[key]) for item in (*a, *b)))


def _by_name(a: list[dict[str, Any]], b: list[dict[str, Any]], key: str, value: str) -> list[dict[str, Any]]:
    left, right = ({str(item[key]): item[value] for item in items} for items in (a, b))
    return [{key: name, **_pair(left.get(name, 0), right.get(name, 0))} for name in _names(a, b, key)]
