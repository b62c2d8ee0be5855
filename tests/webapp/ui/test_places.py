"""Sections and panels: what higher apps add to the pages of lower ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.http import HttpRequest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils.html import escape

from webapp.ui import panels
from webapp.ui.sections import sections


@pytest.fixture
def place() -> Iterator[str]:
    yield "test-place"
    panels._panels.pop("test-place", None)


def shown(place: str, subject: object) -> str:
    context = Context({"request": RequestFactory().get("/"), "place": place, "subject": subject})
    return Template("{% panels place subject %}").render(context)


def test_panels_stand_in_their_order_and_escape_what_they_show(place: str) -> None:
    panels.register_panel(place, lambda request, subject: f"<b>{escape(subject)}</b>", order=20)
    panels.register_panel(place, lambda request, subject: "<i>first</i>", order=10)
    assert shown(place, "a<b") == "<i>first</i><b>a&lt;b</b>"


def test_a_panel_that_fails_is_left_out_and_said_in_the_log(place: str, caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: HttpRequest, subject: object) -> str:
        raise ValueError("no law yet")

    panels.register_panel(place, broken)
    panels.register_panel(place, lambda request, subject: "the rest")
    assert shown(place, None) == "the rest"
    assert "no law yet" in caplog.text


def test_the_navigation_follows_the_loop() -> None:
    names = [section.name for section in sections()]
    assert names[0] == "overview"
    assert names[-1] == "queue"
    assert names.index("data") < names.index("runs") < names.index("playground") < names.index("costs")
    assert all(section.url("abc123") for section in sections())
