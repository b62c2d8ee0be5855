"""Memberships, invitations and login links."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import Cast, make_user
from webapp.teams import services
from webapp.teams.models import Invitation, LoginLink, Membership, Role, Team, User


def secret_of(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[1]


def test_first_owner_is_made_once_and_operates_the_installation(db: None) -> None:
    owner = services.owner_ensure()
    assert services.owner_ensure() == owner
    assert owner.is_staff
    assert Team.objects.get().memberships.get().role == Role.OWNER
    assert not owner.has_usable_password()


def test_login_link_works_once(cast: Cast) -> None:
    secret = secret_of(services.login_link_create(user=cast.alice))
    assert services.login_link_user(secret=secret) == cast.alice
    assert services.login_link_use(secret=secret) == cast.alice
    assert services.login_link_use(secret=secret) is None


def test_login_link_expires(cast: Cast) -> None:
    secret = secret_of(services.login_link_create(user=cast.alice))
    LoginLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert services.login_link_use(secret=secret) is None


def test_secrets_are_not_in_the_database(cast: Cast) -> None:
    secret = secret_of(services.login_link_create(user=cast.alice))
    _, path = services.invitation_create(team=cast.team, role=Role.MEMBER, created_by=cast.alice)
    kept = [LoginLink.objects.get().secret_hash, Invitation.objects.get().secret_hash]
    assert secret not in kept
    assert secret_of(path) not in kept


def test_invitation_lets_in_once(cast: Cast) -> None:
    invitation, path = services.invitation_create(team=cast.team, role=Role.MEMBER, created_by=cast.alice)
    found = services.invitation_find(secret=secret_of(path))
    assert found == invitation
    services.invitation_accept(invitation=invitation, user=cast.charlie)
    assert Membership.objects.get(team=cast.team, user=cast.charlie).role == Role.MEMBER
    with pytest.raises(services.TeamError, match="used or revoked"):
        services.invitation_accept(invitation=invitation, user=make_user("Dora"))
    assert services.invitation_find(secret=secret_of(path)) is None


def test_invitation_for_one_address_refuses_others(cast: Cast) -> None:
    invitation, _ = services.invitation_create(
        team=cast.team, role=Role.MEMBER, created_by=cast.alice, email="dora@example.com"
    )
    with pytest.raises(services.TeamError, match=r"dora@example\.com"):
        services.invitation_accept(invitation=invitation, user=cast.charlie)


def test_revoked_invitation_is_gone(cast: Cast) -> None:
    invitation, path = services.invitation_create(team=cast.team, role=Role.MEMBER, created_by=cast.alice)
    services.invitation_revoke(invitation=invitation)
    assert services.invitation_find(secret=secret_of(path)) is None


def test_invitation_never_lowers_a_role(cast: Cast) -> None:
    invitation, _ = services.invitation_create(team=cast.team, role=Role.VIEWER, created_by=cast.alice)
    services.invitation_accept(invitation=invitation, user=cast.bob)
    assert Membership.objects.get(team=cast.team, user=cast.bob).role == Role.MEMBER


def membership(cast: Cast, user: User) -> Membership:
    return Membership.objects.get(team=cast.team, user=user)


def test_last_owner_cannot_leave_nor_step_down(cast: Cast) -> None:
    mine = membership(cast, cast.alice)
    with pytest.raises(services.TeamError, match="last owner"):
        services.membership_remove(membership=mine, by=cast.alice)
    with pytest.raises(services.TeamError, match="last owner"):
        services.membership_set_role(membership=mine, role=Role.MEMBER, by=cast.alice)


def test_admin_cannot_make_or_remove_owners(cast: Cast) -> None:
    with pytest.raises(services.TeamError, match="Only an owner"):
        services.membership_set_role(membership=membership(cast, cast.bob), role=Role.OWNER, by=cast.adam)
    with pytest.raises(services.TeamError, match="Only an owner"):
        services.membership_remove(membership=membership(cast, cast.alice), by=cast.adam)


def test_ownership_moves_and_leaves_an_admin(cast: Cast) -> None:
    services.ownership_transfer(team=cast.team, to=membership(cast, cast.bob), by=cast.alice)
    assert membership(cast, cast.bob).role == Role.OWNER
    assert membership(cast, cast.alice).role == Role.ADMIN


def test_ownership_goes_only_to_another_member_of_the_team(cast: Cast) -> None:
    elsewhere = Membership.objects.get(user=cast.charlie)
    with pytest.raises(services.TeamError, match="another member"):
        services.ownership_transfer(team=cast.team, to=elsewhere, by=cast.alice)


@pytest.mark.django_db(transaction=True)
def test_removed_member_is_signed_out(transactional_db: None) -> None:
    from tests.factories import make_team

    cast = make_team()
    browser = cast.client(cast.bob)
    assert browser.get("/").status_code == 200
    services.membership_remove(membership=membership(cast, cast.bob), by=cast.alice)
    assert browser.get("/").status_code == 302  # to the sign-in page
