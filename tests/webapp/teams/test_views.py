"""Team pages: invitations from link to member, roles, leaving."""

from __future__ import annotations

import re

from tests.factories import PASSWORD, Cast
from webapp.teams.models import Invitation, Membership, Role, User


def invite(cast: Cast, **fields: str) -> str:
    """Return the path of a new invitation's link, as the page shows it."""
    form = {"role": str(Role.MEMBER.value), "email": "", "num_days": "7", **fields}
    page = cast.client(cast.adam).post(f"/teams/{cast.team.code}/invitations/", form).content.decode()
    found = re.search(r'value="https?://[^/]+(/invitation/[^"]+)"', page)
    assert found, "the page shows the link"
    return found[1]


def test_invited_person_signs_up_and_is_in(cast: Cast) -> None:
    browser = cast.client(None)
    link = invite(cast)
    assert cast.team.name in browser.get(link).content.decode()
    form = {"name": "多拉 Dora", "email": "dora@example.com", "password": PASSWORD}
    assert browser.post(link, form).status_code == 302
    assert Membership.objects.get(team=cast.team, user__email="dora@example.com").role == Role.MEMBER
    assert browser.get("/").status_code == 200
    assert cast.client(None).get(link).status_code == 410


def test_weak_password_and_taken_address_are_refused(cast: Cast) -> None:
    link = invite(cast)
    weak = cast.client(None).post(link, {"name": "D", "email": "dora@example.com", "password": "password"})
    assert weak.status_code == 422
    taken = cast.client(None).post(link, {"name": "B", "email": "BOB@example.com", "password": PASSWORD})
    assert taken.status_code == 422
    assert not User.objects.filter(email="dora@example.com").exists()


def test_member_of_another_team_joins_by_a_button(cast: Cast) -> None:
    link = invite(cast)
    browser = cast.client(cast.charlie)
    assert browser.post(link).status_code == 302
    assert Membership.objects.filter(team=cast.team, user=cast.charlie).exists()


def test_admin_cannot_invite_an_owner(cast: Cast) -> None:
    form = {"role": str(Role.OWNER.value), "email": "", "num_days": "7"}
    answer = cast.client(cast.adam).post(f"/teams/{cast.team.code}/invitations/", form)
    assert answer.status_code == 422
    assert not Invitation.objects.exists()


def test_looking_at_a_link_uses_nothing_up(cast: Cast) -> None:
    from webapp.teams.services import login_link_create

    path = login_link_create(user=cast.alice)
    for _ in range(3):
        assert cast.client(None).get(path).status_code == 200
    browser = cast.client(None)
    assert browser.post(path).status_code == 302
    assert cast.client(None).post(path).status_code == 410


def test_viewer_leaves_but_cannot_remove_others(cast: Cast) -> None:
    browser = cast.client(cast.vera)
    assert browser.post(f"/teams/{cast.team.code}/members/{cast.bob.pk}/remove/").status_code == 403
    assert browser.post(f"/teams/{cast.team.code}/members/{cast.vera.pk}/remove/").status_code == 302
    assert not Membership.objects.filter(team=cast.team, user=cast.vera).exists()


def test_roles_are_set_on_the_page(cast: Cast) -> None:
    path = f"/teams/{cast.team.code}/members/{cast.bob.pk}/role/"
    cast.client(cast.adam).post(path, {"role": str(Role.ADMIN.value)})
    assert Membership.objects.get(team=cast.team, user=cast.bob).role == Role.ADMIN
    cast.client(cast.adam).post(path, {"role": "nonsense"})
    assert Membership.objects.get(team=cast.team, user=cast.bob).role == Role.ADMIN


def test_names_are_shown_as_text(cast: Cast) -> None:
    cast.bob.name = "<script>alert(1)</script>"
    cast.bob.save()
    page = cast.client(cast.alice).get(f"/teams/{cast.team.code}/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
