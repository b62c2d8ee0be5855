"""Tokenizers that data can be prepared with, so that a model that reads them can start from there.

Those of the project's own versions, of any kind of data; those that lie beside a model on the server; those uploaded
with one. Only what is offered here is ever written into a spec.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from webapp.datasets.models import DatasetVersion, SourceFile
from webapp.datasets.server_walk import walk_server
from webapp.projects.models import Project

FILE = "tokenizer.json"
MAX_VERSIONS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerChoice:
    """One that can be chosen."""

    value: str
    label: str
    folder: Path
    """Where tokenizer.json lies, once `put_together` was called."""

    file: SourceFile | None = None
    """The uploaded one, which has no folder of its own yet."""

    def put_together(self) -> Path:
        """Return the folder, made if there is none yet."""
        if self.file is not None and not (link := self.folder / FILE).exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(self.file.path)
        return self.folder


def tokenizers(project: Project) -> dict[str, TokenizerChoice]:
    """Return what is offered in a project, by value; the newest versions first."""
    found = [*_of_versions(project), *_uploaded(project), *_on_server()]
    return {choice.value: choice for choice in found}


def _of_versions(project: Project) -> Iterator[TokenizerChoice]:
    versions = DatasetVersion.objects.filter(dataset__project=project, ready_at__isnull=False, vocab_size__gt=0)
    for version in versions.select_related("dataset").defer("report").order_by("-ready_at")[:MAX_VERSIONS]:
        label = _("%(version)s, %(count)s tokens") % {"version": version, "count": f"{version.vocab_size:,}"}
        yield TokenizerChoice(value=version.code, label=label, folder=version.path / "tokenizer")


def _uploaded(project: Project) -> Iterator[TokenizerChoice]:
    files = SourceFile.objects.live().filter(dataset__project=project, dataset__archived_at=None, name__endswith=FILE)
    for file in files.select_related("dataset"):
        if file.name.rsplit("/", 1)[-1] != FILE:
            continue
        label = _("%(dataset)s, uploaded") % {"dataset": file.dataset.name}
        folder = Path(settings.ISOCOST_FILES) / "tokenizers" / file.sha256
        yield TokenizerChoice(value=f"file-{file.code}", label=label, folder=folder, file=file)


def _on_server() -> Iterator[TokenizerChoice]:
    for folder, files in walk_server():
        if FILE in files:
            label = _("%(folder)s, on the server") % {"folder": folder}
            yield TokenizerChoice(value=f"server-{folder}", label=label, folder=folder)
