"""How pairs look on the data pages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from trainer.data.parts.recipe import PairsRecipe, PairsStep
from trainer.data.recipe import TokenizerStep
from webapp.datasets.pages import DataPages, Preset
from webapp.datasets.pages import text as of_text

PAGES = DataPages(
    kind="pairs",
    title=_("Pairs of texts"),
    summary=_("A text and what is made of it: translations, summaries, exercises"),
    unit=_("pairs"),
    formats=_("CSV, TSV, JSONL, JSON or Parquet with two columns, or TMX; also .gz, .zst and zip"),
    has_columns=True,
    has_target=True,
    titles={**of_text.TITLES, "pairs": _("Pairs")},
    labels={
        **of_text.LABELS,
        "pairs.drop_identical": _("Leave out pairs of equal sides"),
        "pairs.max_length_ratio": _("Lengths may differ, times"),
        "pairs.both_ways": _("Learn both directions"),
    },
    choices=of_text.CHOICES,
    advanced=of_text.ADVANCED,
    lists=of_text.LISTS,
    presets=[
        Preset(
            name="exercises",
            title=_("Exercises"),
            summary=_("Short texts with one right answer; nothing is dropped for being short or alike"),
            recipe=PairsRecipe(tokenizer=TokenizerStep(vocab_size=1_024)),
        ),
        Preset(
            name="translation",
            title=_("Translation"),
            summary=_("Both sides about as long; pairs that do not fit together are left out"),
            recipe=PairsRecipe(pairs=PairsStep(max_length_ratio=9.0), tokenizer=TokenizerStep(vocab_size=8_192)),
        ),
        Preset(
            name="summaries",
            title=_("Summaries"),
            summary=_("The target may be far shorter than the source"),
            recipe=PairsRecipe(tokenizer=TokenizerStep(vocab_size=8_192)),
        ),
    ],
    report_template="datasets/report_text.html",
)
