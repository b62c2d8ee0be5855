"""How interactions look on the data pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from trainer.data.interactions.recipe import CheckStep, FilterStep, InteractionRecipe, InteractionSplitStep
from webapp.datasets.pages import DataPages, Preset

ROLES = {
    "user": _("users"),
    "item": _("items"),
    "time": _("times"),
    "rating": _("ratings"),
    "weight": _("weights"),
    "title": _("titles"),
    "user_features": _("about users"),
    "item_features": _("about items"),
}


def report_facts(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template lists: cold users and items by split, and what columns were taken for."""
    told = report.get("interactions", {})
    words = {"validation": _("Validation"), "test": _("Test")}
    cold = told.get("cold", {})
    return {
        "cold": [{"word": words[name], **cold[name]} for name in words if name in cold],
        "sparsity": 1 - told["density"] if "density" in told else None,
        "columns": [{"file": row["file"], "roles": roles_of(row["columns"])} for row in told.get("columns", [])],
    }


def roles_of(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    held = {name: [value] if isinstance(value, str) else value for name, value in columns.items()}
    return [
        {"word": word, "columns": ", ".join(filter(None, held.get(name, [])))}
        for name, word in ROLES.items()
        if any(held.get(name, []))
    ]


def report_plots(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the charts of the report: interactions by time, and how few items most of them fall on."""
    found: dict[str, Any] = {}
    told = report.get("interactions", {})
    time = told.get("time") or {}
    if time.get("histogram"):
        found["time"] = {
            "kind": "bars",
            "x": {"title": _now("Time (UTC)"), "values": [row["from"] for row in time["histogram"]], "type": "date"},
            "y": {"title": _now("Interactions")},
            "series": [{"name": _now("Interactions"), "values": [row["interactions"] for row in time["histogram"]]}],
        }
    if curve := told.get("popularity", {}).get("curve"):
        found["popularity"] = {
            "kind": "lines",
            "x": {"title": _now("Most popular items"), "values": [row["items"] for row in curve], "type": "log"},
            "y": {"title": _now("Share of interactions, %")},
            "series": [{"name": _now("Share"), "values": [round(100 * row["share"], 3) for row in curve]}],
        }
    if ratings := told.get("ratings"):
        found["ratings"] = {
            "kind": "bars",
            "x": {"title": _now("Rating"), "values": [f"{row['rating']:g}" for row in ratings]},
            "y": {"title": _now("Interactions")},
            "series": [{"name": _now("Interactions"), "values": [row["interactions"] for row in ratings]}],
        }
    return found


PAGES = DataPages(
    kind="interactions",
    title=_("Interactions"),
    summary=_(
        "A table of who took what and when, to learn what to recommend; tables of items and users may come with it"
    ),
    unit=_("interactions"),
    formats=_("CSV, TSV, JSONL, Parquet with columns of users and items, best with times; also .gz, .zst and zip"),
    titles={
        "read": _("Read"),
        "check": _("Check"),
        "filter": _("Enough of each"),
        "split": _("Split"),
    },
    labels={
        "read.user_column": _("Column of users"),
        "read.item_column": _("Column of items"),
        "read.time_column": _("Column of times"),
        "read.rating_column": _("Column of ratings"),
        "read.weight_column": _("Column of weights"),
        "read.title_column": _("Column of item titles"),
        "read.user_features": _("Columns about users"),
        "read.item_features": _("Columns about items"),
        "read.max_broken_lines": _("Broken rows allowed"),
        "check.exact": _("Remove copies"),
        "check.repeats": _("The same item again"),
        "check.min_rating": _("Lowest rating"),
        "check.max_per_minute": _("Most in a minute"),
        "check.max_per_user": _("Most of a user"),
        "filter.min_per_user": _("Fewest of a user"),
        "filter.min_per_item": _("Fewest of an item"),
        "split.by": _("Divide by"),
        "split.validation_fraction": _("Validation"),
        "split.test_fraction": _("Test"),
        "split.session_gap_minutes": _("A pause ends a session, minutes"),
    },
    choices={
        "keep": _("Keep all"),
        "first": _("Keep the first"),
        "last": _("The last one"),
        "auto": _("Time, where there are times"),
        "time": _("Time: test is the latest"),
        "chance": _("Chance"),
    },
    advanced={
        "read": {"weight_column", "title_column", "max_broken_lines"},
        "check": {"max_per_user"},
        "split": {"seed", "session_gap_minutes"},
    },
    presets=[
        Preset(
            name="usual",
            title=_("Clicks and purchases"),
            summary=_("Copies and bots go, users and items with two interactions stay; test is the latest time"),
            recipe=InteractionRecipe(),
        ),
        Preset(
            name="ratings",
            title=_("Ratings, four stars and up"),
            summary=_("A rating of 4 or more is a yes, the rest is left out; five interactions of each"),
            recipe=InteractionRecipe(
                check=CheckStep(min_rating=4, repeats="last"), filter=FilterStep(min_per_user=5, min_per_item=5)
            ),
        ),
        Preset(
            name="everything",
            title=_("Everything, cold items too"),
            summary=_("Items stay that one user took: for models that know features of items"),
            recipe=InteractionRecipe(filter=FilterStep(min_per_user=1, min_per_item=1)),
        ),
        Preset(
            name="next",
            title=_("Each user's next item"),
            summary=_("The usual test of papers on sequences: everybody's last item; looks better than it will be"),
            recipe=InteractionRecipe(split=InteractionSplitStep(by="last"), filter=FilterStep(min_per_user=3)),
        ),
    ],
    report_template="datasets/report_interactions.html",
    report_plots=report_plots,
    report_facts=report_facts,
    step_words={
        "read": (_("Read"), _("Rows with a user, an item and a time that can be read")),
        "ratings": (_("Ratings"), _("Left out what says no")),
        "weights": (_("Weights"), _("Left out what weighs nothing, or takes back")),
        "duplicates": (_("Copies"), _("Removed the same user, item and time, and repeats that are not wanted")),
        "bots": (_("Bots"), _("Left out users that no person can be")),
        "filter": (_("Enough of each"), _("Left out users and items that there is too little of")),
    },
)
