"""Pages of data: who may see and do what, which methods are taken, and that no text of a user becomes markup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from tests.factories import Cast, make_version
from tests.webapp.datasets.helpers import add_file, prose
from tests.webapp.datasets.test_recipe_form import posted
from webapp.datasets.models import Dataset, DatasetVersion, SourceFile, Upload
from webapp.datasets.recipe_form import RecipeForm
from webapp.jobs.models import Job

XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{{constructor.constructor('alert(1)')()}}",
    "</textarea><script>alert(1)</script>",
    "javascript:alert(1)",
]
LONG = "很长的名字" * 50


@dataclass(slots=True)
class Place:
    """A dataset with one file and one version."""

    dataset: Dataset
    file: SourceFile
    version: DatasetVersion
    upload: Upload

    def address(self, path: str) -> str:
        project = self.dataset.project
        return path.format(
            p=project.code, d=self.dataset.code, f=self.file.code, v=self.version.code, u=self.upload.code
        )


@pytest.fixture
def place(cast: Cast, dataset: Dataset) -> Place:
    file = add_file(dataset, "a.jsonl", prose(20))
    upload = Upload.objects.create(dataset=dataset, name="b.txt", size_bytes=10, created_by=cast.bob)
    return Place(dataset, file, make_version(cast, dataset), upload)


READ = [
    "/projects/{p}/data/",
    "/datasets/{d}/",
    "/datasets/{d}/files/",
    "/files/{f}/",
    "/versions/{v}/",
    "/versions/{v}/status/",
    "/versions/{v}/compare/",
    "/versions/{v}/report.json",
    "/versions/{v}/report.csv",
]
FORMS = ["/projects/{p}/data/new/", "/datasets/{d}/prepare/"]
WRITE = [
    "/datasets/{d}/edit/",
    "/datasets/{d}/archive/",
    "/datasets/{d}/restore/",
    "/datasets/{d}/server-folder/",
    "/datasets/{d}/try/",
    "/files/{f}/read/",
    "/files/{f}/options/",
    "/files/{f}/remove/",
    "/files/{f}/restore/",
    "/files/{f}/delete/",
    "/versions/{v}/edit/",
    "/versions/{v}/retry/",
]


@pytest.mark.parametrize("path", READ)
def test_members_read_and_strangers_find_nothing(cast: Cast, place: Place, path: str) -> None:
    address = place.address(path)
    assert cast.client(cast.alice).get(address).status_code == 200
    assert cast.client(cast.vera).get(address).status_code == 200
    assert cast.client(cast.charlie).get(address).status_code == 404
    assert cast.client(None).get(address).status_code == 302
    assert cast.client(cast.alice).post(address).status_code == 405


@pytest.mark.parametrize("path", [*FORMS, *WRITE])
def test_viewers_cannot_write_and_strangers_find_nothing(cast: Cast, place: Place, path: str) -> None:
    address = place.address(path)
    before = (SourceFile.objects.count(), Dataset.objects.count(), Job.objects.count())
    assert cast.client(cast.vera).post(address).status_code == 403
    assert cast.client(cast.charlie).post(address).status_code == 404
    assert cast.client(None).post(address).status_code == 302
    assert (SourceFile.objects.count(), Dataset.objects.count(), Job.objects.count()) == before


@pytest.mark.parametrize("path", WRITE)
def test_members_write_by_post_alone(cast: Cast, place: Place, path: str) -> None:
    address = place.address(path)
    assert cast.client(cast.bob).post(address).status_code in (200, 302)
    assert cast.client(cast.bob).get(address).status_code == 405


@pytest.mark.parametrize("path", [*FORMS, *WRITE, "/datasets/{d}/delete/"])
def test_every_post_wants_a_token(cast: Cast, place: Place, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.post(place.address(path)).status_code == 403


def test_only_admins_delete_a_dataset_and_only_one_without_versions(cast: Cast, place: Place) -> None:
    address = place.address("/datasets/{d}/delete/")
    assert cast.client(cast.bob).post(address).status_code == 403
    cast.client(cast.alice).post(address)
    assert Dataset.objects.filter(pk=place.dataset.pk).exists()
    place.version.delete()
    path = place.file.path
    cast.client(cast.alice).post(address)
    assert not Dataset.objects.filter(pk=place.dataset.pk).exists()
    assert not path.exists()


def test_upload_is_asked_for_and_given_up_by_members_alone(cast: Cast, place: Place) -> None:
    address = place.address("/uploads/{u}/")
    place.upload.path.parent.mkdir(parents=True, exist_ok=True)
    place.upload.path.write_bytes(b"123")
    head = {"HTTP_TUS_RESUMABLE": "1.0.0"}
    assert cast.client(cast.bob).head(address, **head)["Upload-Offset"] == "3"
    assert cast.client(cast.vera).head(address, **head).status_code == 403
    assert cast.client(cast.charlie).delete(address, **head).status_code == 404
    assert cast.client(cast.bob).get(address, **head).status_code == 405
    assert cast.client(cast.bob).delete(address, **head).status_code == 204


def test_a_dataset_is_made_archived_and_brought_back(cast: Cast) -> None:
    client = cast.client(cast.bob)
    empty = client.get(f"/projects/{cast.project.code}/data/").content.decode()
    assert "Create and upload" in empty
    client.post(f"/projects/{cast.project.code}/data/new/", {"name": "Tickets 工单"})
    made = Dataset.objects.get()
    page = client.post(f"/datasets/{made.code}/archive/", follow=True).content.decode()
    assert f"undo:{made.code}" in page
    assert client.post(f"/datasets/{made.code}/restore/").status_code == 302
    made.refresh_from_db()
    assert made.archived_at is None


def test_the_recipe_page_makes_a_version_and_finds_it_again(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "a.jsonl", prose(20))
    client = cast.client(cast.bob)
    address = f"/datasets/{dataset.code}/prepare/"
    assert client.get(address).status_code == 200
    data = posted(RecipeForm(dataset=dataset))
    first = client.post(address, data.urlencode(), content_type="application/x-www-form-urlencoded")
    version = DatasetVersion.objects.get()
    assert (first.status_code, first["Location"]) == (302, version.get_absolute_url())
    again = client.post(address, data.urlencode(), content_type="application/x-www-form-urlencoded", follow=True)
    assert "nothing was prepared again" in again.content.decode()
    assert DatasetVersion.objects.count() == 1


def test_a_wrong_recipe_comes_back_with_the_sentence(cast: Cast, dataset: Dataset) -> None:
    add_file(dataset, "a.jsonl", prose(20))
    data = posted(RecipeForm(dataset=dataset), **{"near-threshold": "0.1"})
    answer = cast.client(cast.bob).post(
        f"/datasets/{dataset.code}/prepare/", data.urlencode(), content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 422
    assert "must be from 0.4 to 0.98" in answer.content.decode()
    assert not DatasetVersion.objects.exists()


def test_a_trial_shows_what_was_dropped_and_why(cast: Cast, dataset: Dataset) -> None:
    add_file(
        dataset,
        "a.jsonl",
        prose(10) + '{"text": "short"}\n{"text": "write to someone@example.com about the refund, please"}\n',
    )
    data = posted(RecipeForm(dataset=dataset))
    answer = cast.client(cast.bob).post(
        f"/datasets/{dataset.code}/try/", data.urlencode(), content_type="application/x-www-form-urlencoded"
    )
    page = answer.content.decode()
    assert "Dropped by the filter" in page
    assert "<mark>&lt;EMAIL&gt;</mark>" in page or "&lt;EMAIL" in page


@pytest.mark.parametrize("text", [*XSS, LONG])
def test_no_text_of_a_user_becomes_markup(cast: Cast, dataset: Dataset, text: str) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(name=text[:120], description=text)
    file = add_file(dataset, text[:255], "text,label\n" + f'"{text.replace(chr(34), chr(34) * 2)} and more words",x\n')
    SourceFile.objects.filter(pk=file.pk).update(problem=text)
    version = make_version(cast, dataset)
    DatasetVersion.objects.filter(pk=version.pk).update(note=text)
    client = cast.client(cast.bob)
    client.post(f"/files/{file.code}/read/")
    for address in (
        f"/projects/{cast.project.code}/data/",
        f"/datasets/{dataset.code}/",
        f"/datasets/{dataset.code}/prepare/",
        f"/files/{file.code}/",
        f"/versions/{version.code}/",
    ):
        page = client.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<svg/onload" not in page
        assert "</textarea><script" not in page


def test_thousands_of_files_are_shown_by_pages(
    cast: Cast, dataset: Dataset, django_assert_max_num_queries: Any
) -> None:
    SourceFile.objects.bulk_create(
        SourceFile(dataset=dataset, name=f"{i:05}.txt", size_bytes=1, sha256=f"{i:064}", stored_path=f"sources/{i}")
        for i in range(3_000)
    )
    client = cast.client(cast.vera)
    with django_assert_max_num_queries(25):
        page = client.get(f"/datasets/{dataset.code}/").content.decode()
    assert "00049.txt" in page
    assert "00050.txt" not in page
    assert "1 of 60" in page
    assert "02999.txt" in client.get(f"/datasets/{dataset.code}/files/?q=02999").content.decode()


def test_the_list_does_not_ask_more_for_more_datasets(cast: Cast, django_assert_max_num_queries: Any) -> None:
    for i in range(30):
        made = Dataset.objects.create(project=cast.project, name=f"Set {i}")
        make_version(cast, made)
    client = cast.client(cast.vera)
    with django_assert_max_num_queries(14):
        client.get(f"/projects/{cast.project.code}/data/")


def test_a_dataset_of_images_is_read_and_prepared_as_such(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    shown = client.get(f"/projects/{cast.project.code}/data/new/").content.decode()
    assert 'value="images"' in shown
    client.post(f"/projects/{cast.project.code}/data/new/", {"name": "Photos", "data_kind": "images"})
    dataset = Dataset.objects.get(name="Photos")
    assert dataset.data_kind == "images"
    recipe = client.get(f"/datasets/{dataset.code}/prepare/").content.decode()
    assert "resize-side" in recipe
    assert "tokenizer-vocab_size" not in recipe
    refused = client.post(f"/projects/{cast.project.code}/data/new/", {"name": "x", "data_kind": "music"})
    assert refused.status_code == 422
