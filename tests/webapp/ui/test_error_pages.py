"""What stands where no page can: a frame that leads back, and a sentence that says why, never the server's bare words."""

from __future__ import annotations

from django.test import Client, RequestFactory
from django.views.defaults import server_error

from tests.factories import Cast


def test_a_wrong_address_and_a_strangers_project_look_the_same(cast: Cast) -> None:
    wrong, strange = (cast.client(cast.charlie).get(path) for path in ("/nowhere/", cast.project.get_absolute_url()))
    assert wrong.status_code == strange.status_code == 404
    for answer in (wrong, strange):
        assert b"Nothing is here" in answer.content
        assert b'href="/"' in answer.content
        assert cast.project.name.encode() not in answer.content


def test_too_low_a_role_is_told_whom_to_ask(cast: Cast) -> None:
    answer = cast.client(cast.vera).post(f"/projects/{cast.project.code}/archive/")
    assert answer.status_code == 403
    assert b"Ask an owner or an admin of the team" in answer.content


def test_an_old_form_is_told_to_be_sent_again(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = browser.post(f"/projects/{cast.project.code}/archive/")
    assert answer.status_code == 403
    assert b"reload the page and send it again" in answer.content


def test_a_request_that_makes_no_sense_is_told_so(cast: Cast) -> None:
    answer = cast.client(cast.alice).get("/queue/?page=%00")
    assert answer.status_code == 400
    assert b"could not be read" in answer.content


def test_the_page_of_a_fault_asks_neither_session_nor_database() -> None:
    """It is made without the `db` mark, which would let it ask."""
    answer = server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert b"Something broke" in answer.content
    assert b"make doctor" in answer.content
