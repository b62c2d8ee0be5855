"""All that can happen to users, teams, memberships and the links by which one gets in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.teams.models import Invitation, LoginLink, Membership, Role, Team, User
from webapp.teams.signing_out import user_sign_out

LOGIN_LINK_LIFE = timedelta(minutes=15)
INVITATION_LIFE_DAYS = 7
OWNER_EMAIL = "owner@isocost.example"


class TeamError(ValidationError):
    """What was asked of a team cannot be done; the message is a sentence for the person who asked."""


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def owner_ensure() -> User:
    """Return the first owner, who operates the installation; on the first start make the account and its team."""
    owner = User.objects.filter(is_staff=True, is_active=True).order_by("pk").first()
    if owner is None:
        owner = User.objects.create_superuser(OWNER_EMAIL, name=_("Owner"))
        team_create(name=_("My team"), owner=owner)
    return owner


@transaction.atomic
def login_link_create(*, user: User) -> str:
    """Return the path of a link that signs `user` in once within a quarter of an hour."""
    secret = secrets.token_urlsafe(32)
    LoginLink.objects.filter(user=user, used_at=None).delete()
    LoginLink.objects.create(user=user, secret_hash=_hash(secret), expires_at=timezone.now() + LOGIN_LINK_LIFE)
    return reverse("login-link", args=[secret])


def login_link_user(*, secret: str) -> User | None:
    """Return whom the link would sign in, without using it up."""
    link = LoginLink.objects.filter(secret_hash=_hash(secret), used_at=None, expires_at__gt=timezone.now()).first()
    return link.user if link and link.user.is_active else None


def login_link_use(*, secret: str) -> User | None:
    """Use the link up and return whom it signs in; None if it was used, has expired or never was."""
    user = login_link_user(secret=secret)
    used = LoginLink.objects.filter(secret_hash=_hash(secret), used_at=None, expires_at__gt=timezone.now())
    return user if user and used.update(used_at=timezone.now()) == 1 else None


@transaction.atomic
def team_create(*, name: str, owner: User) -> Team:
    team = Team(name=name)
    team.full_clean()
    team.save()
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    return team


@transaction.atomic
def invitation_create(
    *, team: Team, role: Role, created_by: User, email: str = "", num_days: int = INVITATION_LIFE_DAYS
) -> tuple[Invitation, str]:
    """Return the invitation and the path of its link. The link is shown this once; only its hash is kept."""
    secret = secrets.token_urlsafe(32)
    invitation = Invitation(
        team=team,
        role=role,
        email=email,
        created_by=created_by,
        secret_hash=_hash(secret),
        expires_at=timezone.now() + timedelta(days=num_days),
    )
    invitation.full_clean()
    invitation.save()
    return invitation, reverse("invitation", args=[secret])


def invitation_revoke(*, invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(revoked_at=timezone.now())


def invitation_find(*, secret: str) -> Invitation | None:
    """Return the open invitation of a link, None if it was used, revoked, has expired or never was."""
    invitation = Invitation.objects.select_related("team").filter(secret_hash=_hash(secret)).first()
    return invitation if invitation and invitation.is_open else None


@transaction.atomic
def invitation_accept(*, invitation: Invitation, user: User) -> Membership:
    """Make `user` a member. A member already in keeps the higher of both roles."""
    if invitation.email and invitation.email.lower() != user.email.lower():
        raise TeamError(
            _("This invitation is for %(email)s; you are signed in as %(user)s. Sign out and open the link again.")
            % {"email": invitation.email, "user": user.email}
        )
    taken = Invitation.objects.filter(
        pk=invitation.pk, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
    ).update(accepted_at=timezone.now(), accepted_by=user)
    if not taken:
        raise TeamError(_("This invitation was used or revoked in the meantime. Ask for a new one."))
    membership, created = Membership.objects.get_or_create(
        team=invitation.team, user=user, defaults={"role": invitation.role}
    )
    if not created and membership.role < invitation.role:
        membership.role = invitation.role
        membership.save(update_fields=["role"])
    return membership


@transaction.atomic
def invitation_sign_up(*, invitation: Invitation, email: str, name: str, password: str) -> User:
    """Make an account for who opened the invitation, and let it in."""
    user = User.objects.create_user(email, password, name=name)
    invitation_accept(invitation=invitation, user=user)
    return user


@transaction.atomic
def membership_set_role(*, membership: Membership, role: Role, by: User) -> None:
    """Give a member another role. Only an owner makes or unmakes owners, and one owner must stay."""
    team = _locked(membership.team)
    membership = Membership.objects.get(pk=membership.pk)
    if Role.OWNER in (role, membership.role) and _role(team, by) != Role.OWNER:
        raise TeamError(_("Only an owner can make somebody an owner, or end it."))
    if membership.role == Role.OWNER and role != Role.OWNER:
        _demand_another_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])


@transaction.atomic
def membership_remove(*, membership: Membership, by: User) -> None:
    """Take a member out of the team and end their sessions; leaving is removing oneself."""
    team = _locked(membership.team)
    membership = Membership.objects.select_related("user").get(pk=membership.pk)
    if membership.role == Role.OWNER:
        if membership.user_id != by.pk and _role(team, by) != Role.OWNER:
            raise TeamError(_("Only an owner can remove an owner."))
        _demand_another_owner(membership)
    user = membership.user
    membership.delete()
    transaction.on_commit(lambda: user_sign_out(user=user))


@transaction.atomic
def ownership_transfer(*, team: Team, to: Membership, by: User) -> None:
    """Make another member the owner; the present one becomes an admin."""
    _locked(team)
    mine = Membership.objects.get(team=team, user=by)
    if mine.role != Role.OWNER:
        raise TeamError(_("Only an owner can hand the team over."))
    if to.team_id != team.pk or to.user_id == by.pk:
        raise TeamError(_("Choose another member of this team to hand it over to."))
    Membership.objects.filter(pk=to.pk).update(role=Role.OWNER)
    Membership.objects.filter(pk=mine.pk).update(role=Role.ADMIN)


def _locked(team: Team) -> Team:
    """Lock the team's row: who owns it is decided by one transaction at a time."""
    return Team.objects.select_for_update().get(pk=team.pk)


def _role(team: Team, user: User) -> int | None:
    return Membership.objects.filter(team=team, user=user).values_list("role", flat=True).first()


def _demand_another_owner(membership: Membership) -> None:
    others = Membership.objects.filter(team=membership.team, role=Role.OWNER).exclude(pk=membership.pk)
    if not others.exists():
        raise TeamError(
            _("%(user)s is the last owner of %(team)s. Make another member an owner first.")
            % {
                "user": membership.user,
                "team": membership.team,
            }
        )
