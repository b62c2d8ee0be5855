"""What every answer carries: the content policy, cookies that scripts cannot read, no frame, no guessing of types."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpResponse

from tests.factories import Cast

PAGES = ["/", "/account/", "/teams/new/", "/queue/", "/accounts/2fa/", "/accounts/email/", "/nowhere/"]
TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))


def policy(answer: HttpResponse) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: values for name, _, values in parts}


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_policy(path: str, cast: Cast) -> None:
    answer = cast.client(cast.alice).get(path)
    assert answer.status_code == (404 if path == "/nowhere/" else 200)
    rules = policy(answer)  # type: ignore[arg-type]
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["object-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert "unsafe-eval" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_cookies_are_out_of_reach_of_scripts(cast: Cast) -> None:
    answer = cast.client(None).get("/accounts/login/")
    browser = cast.client(cast.alice)
    browser.get("/")
    session = browser.cookies[settings.SESSION_COOKIE_NAME]
    assert session["httponly"] or settings.SESSION_COOKIE_HTTPONLY
    assert settings.SESSION_COOKIE_SAMESITE == "Lax"
    assert answer.cookies[settings.CSRF_COOKIE_NAME]["samesite"] == "Lax"


def test_other_hosts_are_refused(cast: Cast) -> None:
    assert cast.client(None).get("/accounts/login/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(("path", "status"), [("/runs/%00/", 404), ("/datasets/a%00/", 404), ("/queue/?page=%00", 400)])
def test_a_nul_in_an_address_is_refused(path: str, status: int, cast: Cast) -> None:
    assert cast.client(cast.alice).get(path).status_code == status


def test_posts_without_a_token_are_refused(cast: Cast) -> None:
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert browser.post(f"/projects/{cast.project.code}/archive/").status_code == 403


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda p: str(p.relative_to(settings.BASE_DIR)))
def test_templates_hold_no_inline_code(template: Path) -> None:
    """The policy would block it in the browser; here it is found before."""
    text = template.read_text()
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text), "an on… attribute"
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>", text), "an inline script"
    assert not re.search(r"\sstyle\s*=\s*[\"']", text), "an inline style"
    assert "|safe" not in text, "the safe filter"
    assert not re.search(r"https?://(?!www\.w3\.org)", re.sub(r"\{#.*?#\}", "", text)), "an address outside"


def test_wrong_passwords_are_slowed_down(cast: Cast) -> None:
    from django.core.cache import cache

    cache.clear()
    browser = cast.client(None)
    answers = [
        browser.post("/accounts/login/", {"login": "alice@example.com", "password": f"wrong {n}"}) for n in range(12)
    ]
    assert any(b"Too many failed login attempts" in a.content or a.status_code == 429 for a in answers)
    cache.clear()


def test_sign_up_without_an_invitation_is_closed(cast: Cast) -> None:
    answer = cast.client(None).get("/accounts/signup/")
    assert b'name="password1"' not in answer.content
