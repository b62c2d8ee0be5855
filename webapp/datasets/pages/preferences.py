"""How preferences look on the data pages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from trainer.data.parts.recipe import PreferencesRecipe
from webapp.datasets.pages import DataPages, Preset
from webapp.datasets.pages import text as of_text

PAGES = DataPages(
    kind="preferences",
    title=_("Preferences"),
    summary=_("Questions with a better and a worse answer"),
    unit=_("preferences"),
    formats=_(
        "JSONL, JSON, CSV or Parquet with the columns prompt, chosen and rejected; as texts or as lists of messages"
    ),
    has_columns=True,
    titles={**of_text.TITLES, "preferences": _("Preferences")},
    labels={**of_text.LABELS, "preferences.min_difference": _("Lengths differ by, characters")},
    choices=of_text.CHOICES,
    advanced=of_text.ADVANCED,
    lists=of_text.LISTS,
    presets=[
        Preset(
            name="usual", title=_("Usual"), summary=_("Every pair of two different answers"), recipe=PreferencesRecipe()
        )
    ],
    report_template="datasets/report_text.html",
)
