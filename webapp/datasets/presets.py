"""Recipes for text to begin with. Each is a whole recipe; the form shows it and everything in it can be changed."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from trainer.data.recipe import (
    ExactStep,
    FilterStep,
    NearStep,
    NormaliseStep,
    Recipe,
    RedactStep,
    SplitStep,
    TokenizerStep,
)
from webapp.datasets.pages import Preset

_NO_REDACTION: dict[str, Any] = dict.fromkeys(RedactStep.__dataclass_fields__, False)

PRESETS = [
    Preset(
        name="balanced",
        title=_("Balanced"),
        summary=_("Prose, documentation, mixed text"),
        recipe=Recipe(),
    ),
    Preset(
        name="labelled",
        title=_("Labelled texts"),
        summary=_("Short texts count, and three in ten are kept to measure on"),
        recipe=Recipe(
            filter=FilterStep(
                min_characters=1, max_symbol_fraction=1.0, max_duplicate_line_fraction=1.0, max_repetition_fraction=1.0
            ),
            near=NearStep(threshold=0.95),
            split=SplitStep(validation_fraction=0.1, test_fraction=0.2),
            tokenizer=TokenizerStep(vocab_size=4_096),
        ),
    ),
    Preset(
        name="code",
        title=_("Source code"),
        summary=_("Symbols and repeated lines are normal; bytes stay as they are"),
        recipe=Recipe(
            normalise=NormaliseStep(fix_mojibake=False, unicode_form="none"),
            filter=FilterStep(
                min_characters=10,
                max_symbol_fraction=0.7,
                max_duplicate_line_fraction=0.85,
                max_repetition_fraction=0.96,
            ),
            redact=RedactStep(phone=False, bank_card=False, us_ssn=False),
            near=NearStep(threshold=0.85),
        ),
    ),
    Preset(
        name="chinese",
        title=_("Chinese text"),
        summary=_("Shorter documents count, more tokens to learn"),
        recipe=Recipe(
            filter=FilterStep(min_characters=8),
            near=NearStep(shingle_characters=4),
            tokenizer=TokenizerStep(vocab_size=16_384),
        ),
    ),
    Preset(
        name="strict",
        title=_("Strict"),
        summary=_("Web text of mixed quality: drop more"),
        recipe=Recipe(
            normalise=NormaliseStep(unicode_form="NFKC", strip_trailing_spaces=True),
            filter=FilterStep(
                min_characters=200,
                max_symbol_fraction=0.3,
                max_duplicate_line_fraction=0.3,
                max_repetition_fraction=0.85,
            ),
            near=NearStep(threshold=0.7),
        ),
    ),
    Preset(
        name="everything",
        title=_("Keep everything"),
        summary=_("Only split and turned into tokens"),
        recipe=Recipe(
            normalise=NormaliseStep(
                fix_mojibake=False, unicode_form="none", remove_control_characters=False, unify_line_ends=False
            ),
            filter=FilterStep(enabled=False),
            redact=RedactStep(**_NO_REDACTION),
            exact=ExactStep(enabled=False),
            near=NearStep(enabled=False),
        ),
    ),
]
