"""Home and projects: who sees what, and nothing is lost by archiving."""

from __future__ import annotations

from tests.factories import Cast
from webapp.projects.models import Project
from webapp.teams.models import Membership, Role, Team


def test_home_shows_the_teams_and_projects_of_the_person(cast: Cast) -> None:
    mine = cast.client(cast.bob).get("/").content.decode()
    assert cast.project.name in mine
    assert cast.project.name not in cast.client(cast.charlie).get("/").content.decode()


def test_who_signs_in_with_one_project_lands_in_it(cast: Cast) -> None:
    answer = cast.client(cast.bob).get("/?enter")
    assert answer["Location"] == f"/projects/{cast.project.code}/"
    Project.objects.create(team=cast.team, name="Second")
    assert cast.client(cast.bob).get("/?enter").status_code == 200


def test_project_is_made_by_a_member(cast: Cast) -> None:
    answer = cast.client(cast.bob).post(f"/teams/{cast.team.code}/projects/new/", {"name": "新项目", "description": ""})
    project = Project.objects.get(name="新项目")
    assert answer["Location"] == f"/projects/{project.code}/"
    assert project.created_by == cast.bob


def test_project_needs_a_name(cast: Cast) -> None:
    answer = cast.client(cast.bob).post(f"/teams/{cast.team.code}/projects/new/", {"name": " "})
    assert answer.status_code == 422
    assert Project.objects.count() == 1


def test_archived_project_is_hidden_and_comes_back(cast: Cast) -> None:
    browser = cast.client(cast.adam)
    assert browser.post(f"/projects/{cast.project.code}/archive/").status_code == 302
    cast.project.refresh_from_db()
    assert cast.project.archived_at is not None
    assert "Bring back" in browser.get("/").content.decode()
    browser.post(f"/projects/{cast.project.code}/restore/")
    cast.project.refresh_from_db()
    assert cast.project.archived_at is None


def test_viewer_may_not_create_nor_archive(cast: Cast) -> None:
    browser = cast.client(cast.vera)
    assert browser.get(f"/teams/{cast.team.code}/projects/new/").status_code == 403
    assert browser.post(f"/projects/{cast.project.code}/archive/").status_code == 403


def test_home_asks_few_questions_however_many_projects(cast: Cast, django_assert_max_num_queries: object) -> None:
    for number in range(30):
        team = Team.objects.create(name=f"Team {number}")
        Membership.objects.create(team=team, user=cast.bob, role=Role.MEMBER)
        Project.objects.create(team=team, name=f"Project {number}")
    browser = cast.client(cast.bob)
    browser.get("/")
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        assert browser.get("/").status_code == 200


def test_overview_says_what_is_next(cast: Cast) -> None:
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/").content.decode()
    assert "Next: upload text to learn from." in page
