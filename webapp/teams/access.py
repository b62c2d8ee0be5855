"""Who may do what. One function decides, `require_role`; views, websocket, downloads and admin all come here.

Every view declares its rule with one of the decorators below, which also enforces it:

    @public                      anyone
    @signed_in                   any signed-in person
    @staff                       operators of the installation
    @team_object(Run, Role.VIEWER)      members of the row's team with at least that role; the row is handed to the view

A stranger gets 404, so that not even the existence of a row is told; a member with too low a role gets 403. A route
without a rule is refused by `AccessMiddleware` and fails the census test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase

from webapp.teams.models import Membership, Role, Team, User

View = Callable[..., HttpResponseBase]
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route demands. The census test asks it of every route, for six principals."""

    kind: Literal["public", "signed_in", "staff", "team"]
    role: Role | None = None
    model: type[Model] | None = None


def role_in(user: User | AnonymousUser, team: Team) -> Role | None:
    """Return the user's role in the team, None for a stranger."""
    if not user.is_authenticated or not user.is_active:
        return None
    role = Membership.objects.filter(user=user, team=team).values_list("role", flat=True).first()
    return None if role is None else Role(role)


def require_role(user: User | AnonymousUser, team: Team, role: Role) -> Role:
    """Return the user's role in the team; raise Http404 for a stranger, PermissionDenied for too low a role."""
    found = role_in(user, team)
    if found is None:
        raise Http404
    if found < role:
        raise PermissionDenied
    return found


def object_for(user: User | AnonymousUser, queryset: QuerySet[M], role: Role, **lookup: Any) -> M:
    """Return the one row of `queryset` that matches, if the user has at least `role` in the row's team."""
    row = queryset.filter(**lookup).first()
    if row is None:
        raise Http404
    require_role(user, row.owning_team, role)  # type: ignore[attr-defined]
    return row


def public(view: View) -> View:
    """Declare that anyone may call the view."""
    view.access_rule = Rule("public")  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """Declare that any signed-in person may call the view."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    inner.access_rule = Rule("signed_in")  # type: ignore[attr-defined]
    return inner


def staff(view: View) -> View:
    """Declare that only operators of the installation may call the view; to others it does not exist."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not request.user.is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    inner.access_rule = Rule("staff")  # type: ignore[attr-defined]
    return inner


def team_object(model: type[Model], role: Role, *, related: tuple[str, ...] = ()) -> Callable[[View], View]:
    """Declare that the view works on the row of `model` whose code is in the URL, for members with at least `role`.

    The view is called with the row in place of the code. `request.team_role` holds the role found.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, code: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            row = object_for(request.user, model._default_manager.select_related(*related), role, code=code)
            request.team = row.owning_team  # type: ignore[attr-defined]
            request.team_role = role_in(request.user, request.team)  # type: ignore[attr-defined]
            return view(request, row, *args, **kwargs)

        inner.access_rule = Rule("team", role, model)  # type: ignore[attr-defined]
        return inner

    return decorate


# Routes of other packages, by the start of their view's module.
FOREIGN_RULES: dict[str, Rule] = {
    "allauth.": Rule("public"),  # its own views ask for a session where one is needed
    "django.contrib.admin.sites": Rule("public"),  # the sign-in page alone: all else carries the mark below
    "django.contrib.auth.admin": Rule("staff"),  # the change of a password, which admin_view guards without its mark
    "django.views.i18n": Rule("public"),
    "django.views.generic.base": Rule("public"),  # RedirectView
}


def rule_of(callback: Callable[..., Any]) -> Rule | None:
    """Return the rule that a URL's callback declares, None if it declares none."""
    rule = getattr(callback, "access_rule", None)
    if rule is not None:
        return rule  # type: ignore[no-any-return]
    if hasattr(callback, "admin_site") or hasattr(callback, "model_admin"):
        return Rule("staff")  # the admin's mark on what it wraps in its own check
    module = getattr(callback, "view_class", callback).__module__
    return next((rule for prefix, rule in FOREIGN_RULES.items() if module.startswith(prefix)), None)
