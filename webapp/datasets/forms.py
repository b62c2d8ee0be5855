"""Forms for people: a dataset's name, how a file is read, a folder on the server, a note."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from django import forms
from django.utils.translation import gettext_lazy as _

from trainer.data.kinds import data_kinds
from trainer.data.sources import Encoding, Format, SourceSpec, Splitting
from webapp.datasets.models import Dataset, DatasetVersion, SourceFile
from webapp.datasets.pages import pages_of
from webapp.datasets.services.server_folders import server_folders
from webapp.ui.field_docs import field_docs

FORMATS = {
    "auto": _("Detected from the name and the bytes"),
    "text": _("Text"),
    "json": _("JSON array"),
    "jsonl": _("JSON Lines"),
    "csv": _("CSV"),
    "tsv": _("TSV"),
    "parquet": _("Parquet"),
    "tmx": _("TMX"),
    "zip": _("Zip"),
}
ENCODINGS = {"auto": _("UTF-8, or what a byte order mark says")}
SPLITTINGS = {
    "auto": _("As suits the file"),
    "file": _("A file is one document"),
    "blank_lines": _("At blank lines"),
    "form_feeds": _("At form feeds"),
    "lines": _("A line is one document"),
}


class DatasetForm(forms.ModelForm[Dataset]):
    class Meta:
        model = Dataset
        fields = ("name", "data_kind", "description")
        widgets = {
            "name": forms.TextInput(attrs={"autofocus": True, "placeholder": _("Help articles")}),
            "description": forms.Textarea(attrs={"rows": 2}),
        }
        help_texts = {"description": _("Where it comes from, and what may be done with it.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk or len(data_kinds()) == 1:
            del self.fields["data_kind"]  # what was uploaded and prepared is of the kind chosen at first
            return
        self.fields["data_kind"] = forms.ChoiceField(
            label=_("Kind of data"),
            choices=[(name, pages_of(name).title) for name in sorted(data_kinds(), key=lambda name: name != "text")],
            initial="text",
            required=False,
            help_text=_("It decides how files are read and prepared, and which models can learn from them."),
        )

    def clean_data_kind(self) -> str:
        return self.cleaned_data["data_kind"] or "text"


class FileOptionsForm(forms.Form):
    """How one file is read. The columns are those that were seen in it."""

    def __init__(self, data: Any = None, *, file: SourceFile, columns: list[str]) -> None:
        super().__init__(data, initial=file.options)
        docs = field_docs(SourceSpec)
        for name, hint, words in (
            ("format", Format, FORMATS),
            ("encoding", Encoding, ENCODINGS),
            ("splitting", Splitting, SPLITTINGS),
        ):
            self.fields[name] = forms.ChoiceField(
                choices=[(value, words.get(value, value)) for value in get_args(hint)],
                required=False,
                help_text=docs[name].replace("`", ""),
            )
        detected = (file.preview or {}).get("text_column") or ""
        auto = _("Detected: %(column)s") % {"column": detected} if detected else _("Detected")
        self.fields["text_column"] = _column_field(
            file.options.get("text_column"), columns, auto, label=_("Text column or field")
        )
        self.fields["label_column"] = _column_field(
            file.options.get("label_column"), columns, _("None"), label=_("Label column or field")
        )
        self.fields["target_column"] = _column_field(
            file.options.get("target_column"), columns, _("Detected"), label=_("Target column or field")
        )
        if pages_of(file.dataset.data_kind).has_target:
            self.fields["text_column"].label = _("Source column or field")
        for name, label in (
            ("entity_column", _("Entity column or field")),
            ("group_column", _("Group column or field")),
        ):
            self.fields[name] = _column_field(file.options.get(name), columns, _("None"), label=label)
            self.fields[name].help_text = docs[name]
        self.fields["label_from_folder"] = forms.BooleanField(
            label=_("Label from the folder"), required=False, help_text=docs["label_from_folder"]
        )
        self.order_fields(["text_column", "label_column", "format", "encoding", "splitting", "label_from_folder"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("label_column") and cleaned.get("label_from_folder"):
            self.add_error("label_from_folder", _("Take the label from a column or from the folder, not from both."))
        return cleaned


def _column_field(chosen: str | None, columns: list[str], empty: Any, *, label: Any) -> forms.ChoiceField:
    names = list(dict.fromkeys([*columns, *([chosen] if chosen else [])]))
    return forms.ChoiceField(choices=[("", empty), *((name, name) for name in names)], required=False, label=label)


class ServerFolderForm(forms.Form):
    """A folder among those that the operator allowed."""

    root = forms.TypedChoiceField(label=_("Folder on the server"), coerce=Path)
    inside = forms.CharField(
        label=_("Folder inside it"),
        required=False,
        max_length=1_000,
        help_text=_("Empty: all of it. Links are not followed, and the files stay where they are."),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["root"].choices = [(str(root), str(root)) for root in server_folders()]  # type: ignore[attr-defined]


class NoteForm(forms.ModelForm[DatasetVersion]):
    class Meta:
        model = DatasetVersion
        fields = ("note",)
        widgets = {"note": forms.Textarea(attrs={"rows": 3})}
