"""Teams: members, invitations, and the ways in."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.teams import services
from webapp.teams.access import public, signed_in, team_object
from webapp.teams.forms import InvitationForm, ProfileForm, SignUpForm, TeamForm
from webapp.teams.models import Invitation, Membership, Role, Team, User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


@public
@never_cache
@require_http_methods(["GET", "POST"])
def login_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Sign in by a one-time link. Only the POST uses it up: a preview of the link by a chat program must not."""
    if request.method == "POST" and (user := services.login_link_use(secret=secret)):
        login(request, user, backend=BACKEND)
        return redirect(settings.LOGIN_REDIRECT_URL)
    user = services.login_link_user(secret=secret)
    return render(request, "teams/login_link.html", {"link_user": user}, status=200 if user else 410)


@public
@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    found = services.invitation_find(secret=secret)
    if found is None:
        return render(request, "teams/invitation_gone.html", status=410)
    if request.user.is_authenticated:
        return _invitation_join(request, found)
    form = SignUpForm(request.POST or None, initial={"email": found.email})
    if request.method == "POST" and form.is_valid():
        try:
            user = services.invitation_sign_up(invitation=found, **form.cleaned_data)
        except services.TeamError as error:
            form.add_error(None, error)
        else:
            login(request, user, backend=BACKEND)
            return redirect(settings.LOGIN_REDIRECT_URL)
    status = 422 if request.method == "POST" else 200
    return render(request, "teams/invitation.html", {"invitation": found, "form": form}, status=status)


def _invitation_join(request: HttpRequest, found: Invitation) -> HttpResponse:
    if request.method == "POST":
        try:
            services.invitation_accept(invitation=found, user=_user(request))
        except services.TeamError as error:
            messages.error(request, error.messages[0])
        else:
            messages.success(request, _("You are now in %(team)s.") % {"team": found.team})
            return redirect("home")
    return render(request, "teams/invitation.html", {"invitation": found, "form": None})


@signed_in
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=_user(request))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("account")
    return render(request, "teams/account.html", {"form": form})


@signed_in
@require_http_methods(["GET", "POST"])
def team_new(request: HttpRequest) -> HttpResponse:
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        team = services.team_create(name=form.cleaned_data["name"], owner=_user(request))
        return redirect("team-detail", team.code)
    return render(request, "teams/team_new.html", {"form": form}, status=422 if form.errors else 200)


@team_object(Team, Role.VIEWER)
@require_GET
def team_detail(request: HttpRequest, team: Team) -> HttpResponse:
    return _team_page(request, team)


def _team_page(request: HttpRequest, team: Team, *, form: InvitationForm | None = None, link: str = "") -> HttpResponse:
    role: Role = request.team_role  # type: ignore[attr-defined]
    context = {
        "team": team,
        "role": role,
        "memberships": team.memberships.select_related("user").order_by("-role", "user__name", "user__email"),
        "invitations": [i for i in team.invitations.select_related("created_by") if i.is_open],
        "roles": [r for r in Role if r <= role],
        "form": form or InvitationForm(highest=role),
        "new_link": link,
        "may_manage": role >= Role.ADMIN,
        "is_owner": role == Role.OWNER,
    }
    return render(request, "teams/team.html", context, status=422 if form is not None and form.errors else 200)


@team_object(Team, Role.ADMIN)
@require_POST
def team_rename(request: HttpRequest, team: Team) -> HttpResponse:
    form = TeamForm(request.POST, instance=team)
    if form.is_valid():
        form.save()
    else:
        messages.error(request, str(form.errors["name"][0]))
    return redirect("team-detail", team.code)


@team_object(Team, Role.ADMIN)
@require_POST
def invitation_create(request: HttpRequest, team: Team) -> HttpResponse:
    """Make a link and show it, this once."""
    form = InvitationForm(request.POST, highest=request.team_role)  # type: ignore[attr-defined]
    if not form.is_valid():
        return _team_page(request, team, form=form)
    _invitation, path = services.invitation_create(team=team, created_by=_user(request), **form.cleaned_data)
    return _team_page(request, team, link=settings.ISOCOST_URL + path)


@team_object(Invitation, Role.ADMIN, related=("team",))
@require_POST
def invitation_revoke(request: HttpRequest, found: Invitation) -> HttpResponse:
    services.invitation_revoke(invitation=found)
    return redirect("team-detail", found.team.code)


@team_object(Team, Role.ADMIN)
@require_POST
def membership_set_role(request: HttpRequest, team: Team, user_id: int) -> HttpResponse:
    membership = get_object_or_404(Membership, team=team, user_id=user_id)
    try:
        role = Role(int(request.POST.get("role", "")))
        services.membership_set_role(membership=membership, role=role, by=_user(request))
    except services.TeamError as error:
        messages.error(request, error.messages[0])
    except ValueError:
        messages.error(request, _("Choose one of the roles."))
    return redirect("team-detail", team.code)


@team_object(Team, Role.VIEWER)
@require_POST
def membership_remove(request: HttpRequest, team: Team, user_id: int) -> HttpResponse:
    """Remove a member; anyone may remove themselves, which is leaving."""
    if user_id != _user(request).pk and request.team_role < Role.ADMIN:  # type: ignore[attr-defined]
        raise PermissionDenied
    membership = get_object_or_404(Membership, team=team, user_id=user_id)
    try:
        services.membership_remove(membership=membership, by=_user(request))
    except services.TeamError as error:
        messages.error(request, error.messages[0])
        return redirect("team-detail", team.code)
    return redirect("home") if user_id == _user(request).pk else redirect("team-detail", team.code)


@team_object(Team, Role.OWNER)
@require_POST
def ownership_transfer(request: HttpRequest, team: Team, user_id: int) -> HttpResponse:
    to = get_object_or_404(Membership, team=team, user_id=user_id)
    try:
        services.ownership_transfer(team=team, to=to, by=_user(request))
    except services.TeamError as error:
        messages.error(request, error.messages[0])
    return redirect("team-detail", team.code)
