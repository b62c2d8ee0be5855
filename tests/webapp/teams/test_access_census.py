"""Every route, for six principals. A route without a declared rule fails; so does one that lets in whom its rule does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.census_rows import row_of
from tests.factories import Cast
from webapp.routing import http_handlers, websocket_urlpatterns
from webapp.teams.access import Rule, rule_of
from webapp.teams.models import Role


@dataclass(frozen=True, slots=True)
class Route:
    path: str
    rule: Rule | None
    converters: tuple[str, ...]


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[Route]:
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield Route(path, rule_of(entry.callback), tuple(entry.pattern.converters))


ROUTES = list(routes())
TEAM_ROUTES = [route for route in ROUTES if route.rule is not None and route.rule.kind == "team"]


def test_every_route_declares_its_rule() -> None:
    assert len(ROUTES) > 50
    assert [route.path for route in ROUTES if route.rule is None] == []


def test_every_socket_and_raw_handler_declares_its_rule() -> None:
    consumers = [entry.callback for entry in websocket_urlpatterns]
    undeclared = [c for c in consumers if not isinstance(rule_of(getattr(c, "consumer_class", c)), Rule)]
    assert undeclared == []
    assert [path for path, handler in http_handlers if not isinstance(rule_of(handler), Rule)] == []


def address(route: Route, values: dict[str, Any]) -> str:
    path = "/" + route.path
    for name in route.converters:
        kind = "int" if f"<int:{name}>" in path else "str"
        value = values.get(name, 987654321 if kind == "int" else "nothing")
        for form in (f"<{kind}:{name}>", f"<slug:{name}>", f"<path:{name}>", f"<{name}>"):
            path = path.replace(form, str(value))
    return path


@pytest.mark.parametrize("route", TEAM_ROUTES, ids=lambda r: r.path)
def test_team_route_lets_in_whom_its_rule_says(route: Route, cast: Cast) -> None:
    """Anonymous is sent to sign in, a stranger gets 404, too low a role 403; a high enough one gets past the gate."""
    assert route.rule is not None
    assert route.rule.model is not None
    path = address(route, {"code": row_of(route.rule.model, cast).code})
    role = route.rule.role or Role.OWNER
    anonymous = cast.client(None).get(path)
    assert anonymous.status_code == 302, f"anonymous got {anonymous.status_code}"
    assert "login" in anonymous["Location"]
    assert cast.client(cast.charlie).get(path).status_code == 404
    for user, has in (
        (cast.vera, Role.VIEWER),
        (cast.bob, Role.MEMBER),
        (cast.adam, Role.ADMIN),
        (cast.alice, Role.OWNER),
    ):
        answer = cast.client(user).get(path)
        if has < role:
            assert answer.status_code == 403, f"{has.label} got {answer.status_code}, the rule asks for {role.label}"
        else:
            assert answer.status_code not in (403, 500), f"{has.label} got {answer.status_code}"
            assert "login" not in answer.headers.get("Location", "")


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if r.rule is not None and r.rule.kind == "staff"], ids=lambda r: r.path
)
def test_staff_route_is_closed_to_others(route: Route, cast: Cast) -> None:
    if "<path:" in route.path or "(?P" in route.path or "^" in route.path:
        return  # admin's catch-all forms; its own addresses are tested by name
    path = address(route, {})
    for user in (None, cast.charlie, cast.vera, cast.alice):
        assert cast.client(user).get(path).status_code in (302, 403, 404)


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if r.rule is not None and r.rule.kind == "signed_in"], ids=lambda r: r.path
)
def test_signed_in_route_sends_strangers_to_sign_in(route: Route, cast: Cast) -> None:
    assert cast.client(None).get(address(route, {})).status_code == 302
