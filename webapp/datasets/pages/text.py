"""How text looks on the data pages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from webapp.datasets.pages import DataPages
from webapp.datasets.presets import PRESETS

TITLES = {
    "read": _("Read"),
    "normalise": _("Normalise"),
    "filter": _("Filter"),
    "redact": _("Redact personal data"),
    "exact": _("Exact duplicates"),
    "near": _("Near-duplicates"),
    "split": _("Split"),
    "augment": _("Augment"),
    "tokenizer": _("Tokenizer"),
}
LABELS = {
    "read.max_broken_lines": _("Broken lines allowed"),
    "read.max_document_characters": _("Longest document, characters"),
    "normalise.fix_mojibake": _("Repair mojibake"),
    "normalise.unicode_form": _("Unicode form"),
    "filter.min_characters": _("Shortest, characters"),
    "filter.max_characters": _("Longest, characters"),
    "filter.max_symbol_fraction": _("Symbols, at most"),
    "filter.max_duplicate_line_fraction": _("Repeated lines, at most"),
    "filter.max_repetition_fraction": _("Repetition, at most"),
    "redact.email": _("E-mail addresses"),
    "redact.phone": _("Telephone numbers"),
    "redact.ip_address": _("IP addresses"),
    "redact.chinese_id": _("Chinese identity numbers"),
    "redact.bank_card": _("Bank cards"),
    "redact.us_ssn": _("US social security numbers"),
    "redact.iban": _("IBAN"),
    "near.threshold": _("Alike from"),
    "near.shingle_characters": _("Shingle, characters"),
    "near.num_hashes": _("Hashes a document"),
    "split.validation_fraction": _("Validation"),
    "split.test_fraction": _("Test"),
    "augment.copies": _("Copies of each document"),
    "augment.paraphraser": _("Said otherwise by"),
    "augment.paraphraser_back": _("And translated back by"),
    "augment.noise_fraction": _("Letters with a slip"),
    "augment.synonym_fraction": _("Words exchanged"),
    "augment.synonyms": _("Words that mean the same"),
    "tokenizer.vocab_size": _("Vocabulary, tokens"),
    "tokenizer.sample_bytes": _("Sample"),
}
CHOICES = {
    "zh": _("Chinese"),
    "en": _("English"),
    "code": _("Source code"),
    "other": _("Other"),
    "none": _("leave as it is"),
}
ADVANCED = {
    "read": {
        "max_line_bytes",
        "max_unpacked_bytes",
        "max_unpack_ratio",
        "max_members",
        "max_path_depth",
        "max_name_bytes",
    },
    "near": {"num_hashes", "shingle_characters"},
    "split": {"seed"},
    "augment": {"seed"},
    "tokenizer": {"seed", "sample_bytes"},
}
LISTS = frozenset({"augment.synonyms"})

PAGES = DataPages(
    kind="text",
    title=_("Text"),
    summary=_("Prose, code, JSONL, CSV or Parquet with a column of text"),
    unit=_("documents"),
    formats=_("txt, md, source code, JSONL, CSV, TSV, Parquet; also .gz, .zst and zip"),
    has_columns=True,
    titles=TITLES,
    labels=LABELS,
    choices=CHOICES,
    advanced=ADVANCED,
    lists=LISTS,
    presets=PRESETS,
    report_template="datasets/report_text.html",
)
