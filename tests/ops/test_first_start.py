"""The first start makes the owner once; a demo that fails costs nothing but the demo."""

from __future__ import annotations

import pytest

from webapp.ops import first_start as module
from webapp.ops.first_start import first_start
from webapp.teams.models import Team, User

pytestmark = pytest.mark.django_db


def test_the_owner_is_made_once() -> None:
    owner = first_start()
    assert owner.is_staff
    assert first_start() == owner
    assert User.objects.count() == 1
    assert Team.objects.count() == 1


def test_a_demo_that_fails_is_logged_and_the_start_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("no room for the demo")

    monkeypatch.setenv("ISOCOST_DEMO", "1")
    monkeypatch.setattr(module, "demo_start", fail)
    assert first_start().is_staff
    assert "no room for the demo" in caplog.text
