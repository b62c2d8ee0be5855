"""Files of a dataset: looked into in a child process, told how to be read, removed and brought back."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.datasets.helpers import add_file
from webapp.datasets.errors import DataRefused
from webapp.datasets.models import Dataset, SourceFile
from webapp.datasets.services.files import (
    REMOVED_KEPT,
    file_delete,
    file_look,
    file_remove,
    file_restore,
    file_set_options,
    files_purge,
)
from webapp.datasets.services.server_folders import is_still_inside, server_folder_add


def test_columns_are_seen_and_can_be_chosen(dataset: Dataset) -> None:
    rows = "id,title,body\n" + "".join(f"{i},T{i},a longer text about refunds and orders {i}\n" for i in range(150))
    file = file_look(file=add_file(dataset, "articles.csv", rows))
    assert file.preview["text_column"] == "body"
    assert (len(file.preview["rows"]), file.problem) == (100, "")
    file = file_set_options(file=file, options={"text_column": "title", "label_column": "", "format": "auto"})
    assert file.options == {"text_column": "title"}
    assert file.preview["text_column"] == "title"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("latin.txt", "naïve café déjà vu".encode("latin-1") * 20, "UTF-8"),
        ("numbers.csv", b"a,b\n1,2\n3,4\n", "text"),
        ("cut.parquet", b"PAR1" + b"\0" * 40, "cut.parquet"),
        ("blank.txt", b"   \n\n  ", "no text"),
        ("program.txt", b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 10, "program.txt"),
    ],
)
def test_bad_files_are_told_in_a_sentence(dataset: Dataset, name: str, content: bytes, words: str) -> None:
    file = file_look(file=add_file(dataset, name, content))
    said = " ".join([file.problem, *file.preview["warnings"]])
    assert words in said
    assert "Traceback" not in said


def test_zip_of_ten_thousand_files_is_listed(cast: Cast, dataset: Dataset) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(10_000):
            archive.writestr(f"docs/{i:05}.txt", f"document {i} with some words in it")
    file = file_look(file=add_file(dataset, "many.zip", packed.getvalue()))
    assert (file.preview["num_files"], len(file.preview["files"]), file.problem) == (200, 200, "")
    assert "Only the first 200 files" in file.preview["warnings"][0]
    page = cast.client(cast.vera).get(f"/files/{file.code}/")
    assert page.status_code == 200
    assert len(page.content) < 400_000


def test_removed_file_can_be_brought_back_until_it_is_purged(dataset: Dataset) -> None:
    file = add_file(dataset, "a.txt", "some text")
    file_delete(file=file)
    assert SourceFile.objects.filter(pk=file.pk).exists()  # only a removed one is deleted for good
    file_remove(file=file)
    file_restore(file=file)
    assert dataset.files.live().count() == 1
    file_remove(file=file)
    assert files_purge() == 0
    SourceFile.objects.update(removed_at=timezone.now() - REMOVED_KEPT - timedelta(minutes=1))
    assert files_purge() == 1
    assert not file.path.exists()


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    root = tmp_path / "open"
    (root / "docs").mkdir(parents=True)
    (root / "docs" / "a.txt").write_text("text in the open folder")
    (root / "docs" / "same.txt").write_text("text in the open folder")
    (root / "docs" / "empty.txt").write_text("")
    (tmp_path / "secret.txt").write_text("text outside")
    (root / "docs" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "out").symlink_to(tmp_path)
    settings.ISOCOST_SERVER_FOLDERS = [root]
    return root


def test_server_folder_gives_its_files_and_follows_no_link(cast: Cast, dataset: Dataset, folder: Path) -> None:
    added = server_folder_add(dataset=dataset, root=folder, inside="docs", created_by=cast.bob)
    assert (added.num_added, added.num_known, added.num_passed_over) == (1, 1, 2)
    file = SourceFile.objects.get()
    assert (file.name, file.path) == ("docs/a.txt", folder.resolve() / "docs" / "a.txt")
    assert is_still_inside(file)
    file.path.unlink()
    file.path.symlink_to(folder.parent / "secret.txt")
    assert not is_still_inside(file)


@pytest.mark.parametrize("inside", ["..", "out", "docs/../..", "/etc/../..", "nowhere", "a\x00b"])
def test_server_folder_cannot_be_left(cast: Cast, dataset: Dataset, folder: Path, inside: str) -> None:
    with pytest.raises(DataRefused):
        server_folder_add(dataset=dataset, root=folder, inside=inside, created_by=cast.bob)
    assert not SourceFile.objects.exists()


def test_other_folders_of_the_server_are_closed(cast: Cast, dataset: Dataset, folder: Path) -> None:
    with pytest.raises(DataRefused):
        server_folder_add(dataset=dataset, root=folder.parent, inside="", created_by=cast.bob)
    answer = cast.client(cast.bob).post(f"/datasets/{dataset.code}/server-folder/", {"root": "/etc"})
    assert answer.status_code == 302
    assert not SourceFile.objects.exists()


def test_deleting_a_file_on_the_server_leaves_it_there(cast: Cast, dataset: Dataset, folder: Path) -> None:
    server_folder_add(dataset=dataset, root=folder, inside="docs", created_by=cast.bob)
    file = SourceFile.objects.get()
    file_remove(file=file)
    file_delete(file=file)
    assert (folder / "docs" / "a.txt").exists()
