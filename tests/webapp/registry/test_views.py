"""The pages of kept models, as a browser gets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import Cast
from tests.webapp.registry.test_services import files, keep, ledger, make_checkpoint  # noqa: F401
from tests.webapp.runs.rows import make_run, make_version
from webapp.registry.evaluations import suite_create
from webapp.registry.models import ModelVersion

pytestmark = pytest.mark.django_db


def test_a_run_is_registered_from_its_page(cast: Cast) -> None:
    run = make_run(cast, state="succeeded", summary={"validation/loss": {"min": 2.0, "max": 8.0}})
    checkpoint = make_checkpoint(run, is_best=True)
    browser = cast.client(cast.bob)
    link = f"/projects/{cast.project.code}/models/register/?checkpoint={checkpoint.code}"
    assert link in browser.get(run.get_absolute_url()).content.decode()
    assert link in browser.get(f"{run.get_absolute_url()}?tab=checkpoints").content.decode()
    assert browser.get(link).status_code == 200
    assert browser.post(link, {"name": ""}).status_code == 422
    answer = browser.post(link, {"name": "客服 helper", "licence": "MIT", "note": "Answers tickets."})
    version = ModelVersion.objects.get()
    assert answer["Location"] == version.get_absolute_url()
    assert (str(version), version.licence, version.card) == (
        "客服 helper v1",
        "MIT",
        {"intended_use": "Answers tickets."},
    )
    page = browser.get(f"/projects/{cast.project.code}/models/").content.decode()
    assert "客服 helper" in page
    assert version.get_absolute_url() in cast.client(cast.vera).get(run.get_absolute_url()).content.decode()


@pytest.mark.parametrize("tab", ["overview", "card", "lineage", "evaluations", "files"])
def test_every_tab_shows_the_version(cast: Cast, tab: str) -> None:
    version = keep(cast)
    ledger(version.run, "2.5")
    suite_create(
        project=cast.project, name="Held out", data_version=version.run.dataset_version, splits=["test"], metric="loss",
        created_by=cast.bob,
    )  # fmt: skip
    answer = cast.client(cast.bob).get(f"{version.get_absolute_url()}?tab={tab}")
    assert answer.status_code == 200
    shown = {"overview": "$2.50", "card": "$2.50", "lineage": "<svg", "evaluations": "Held out", "files": "Delete"}
    assert shown[tab] in answer.content.decode()
    looking = cast.client(cast.vera).get(f"{version.get_absolute_url()}?tab={tab}").content.decode()
    assert "<form method" not in looking.split("<main")[1].replace('class="inline"', "")


def test_stage_alias_and_card_are_changed_by_forms(cast: Cast) -> None:
    version = keep(cast)
    browser = cast.client(cast.bob)
    url = version.get_absolute_url()
    browser.post(f"{url}stage/", {"stage": "production", "sentence": "Ready."})
    browser.post(f"{url}alias/", {"alias": "safe"})
    browser.post(f"{url}card/", {"licence": "MIT", "limits": "<b>Guesses</b> names."})
    page = browser.get(url).content.decode()
    assert "Ready." in page
    assert "<code>safe</code>" in page
    assert "&lt;b&gt;Guesses&lt;/b&gt; names." in browser.get(f"{url}?tab=card").content.decode()
    markdown = browser.get(f"{url}card.md")
    assert markdown["Content-Disposition"].endswith('.md"')
    assert "<b>Guesses</b> names." in markdown.content.decode()
    assert "&lt;b&gt;Guesses" in browser.get(f"{url}card.html").content.decode()
    assert browser.get(f"{url}card.exe").status_code == 404
    refused = browser.post(f"{url}delete/", follow=True).content.decode()
    assert "is in use" in refused
    browser.post(f"{url}alias/", {"alias": "safe", "remove": "1"})
    browser.post(f"{url}stage/", {"stage": "archived", "sentence": "Old."})
    browser.post(f"{url}delete/")
    version.refresh_from_db()
    assert version.deleted_at is not None


def test_a_checkpoint_of_another_project_cannot_be_registered(cast: Cast) -> None:
    from webapp.projects.models import Project

    checkpoint = make_checkpoint(make_run(cast, state="succeeded"))
    other = Project.objects.create(team=cast.team, name="Other", created_by=cast.alice)
    answer = cast.client(cast.bob).get(f"/projects/{other.code}/models/register/?checkpoint={checkpoint.code}")
    assert answer.status_code == 404


def test_results_on_other_data_are_not_put_side_by_side(cast: Cast) -> None:
    metrics = {"loss": 1.25, "step": 100}
    first = keep(cast, make_run(cast, state="succeeded", version=make_version(cast), test_metrics=metrics))
    other_data = make_version(cast, content_hash="d" * 64)
    second = keep(cast, make_run(cast, state="succeeded", version=other_data, test_metrics=metrics))
    url = f"/projects/{cast.project.code}/models/compare/?a={first.code}&b={second.code}"
    page = cast.client(cast.vera).get(url).content.decode()
    assert "never measured on the same data version" in page
    assert "Not comparable" in page
    third = keep(cast, make_run(cast, state="succeeded", version=other_data, test_metrics={"loss": 1.0, "step": 100}))
    url = f"/projects/{cast.project.code}/models/compare/?a={second.code}&b={third.code}"
    page = cast.client(cast.vera).get(url).content.decode()
    assert "the same data for both" in page
    assert "No paired test" in page


def test_the_list_ranks_runs_and_draws_the_front(cast: Cast, files: Path) -> None:  # noqa: F811
    for number, loss in enumerate((3.0, 2.0)):
        run = make_run(
            cast, state="succeeded", name=f"r{number}", summary={"validation/loss": {"min": loss, "max": 9.0}}
        )
        ledger(run, str(number + 1))
        make_checkpoint(run)
    page: Any = cast.client(cast.vera).get(f"/projects/{cast.project.code}/models/")
    assert page.context["ranking"].best.run.name == "r1"
    assert "loss less, per $" in page.content.decode()
    assert 'data-plot="pareto"' in page.content.decode()
    by_gain = cast.client(cast.vera).get(f"/projects/{cast.project.code}/models/?by=dollar&metric=validation/loss")
    assert [point.run.name for point in by_gain.context["points"]] == ["r0", "r1"]


def test_runs_on_other_data_are_not_ranked_with_the_others(cast: Cast, files: Path) -> None:  # noqa: F811
    other = make_version(cast, content_hash="d" * 64)
    for name, loss, data in (("r0", 3.0, {}), ("r1", 2.0, {}), ("easy", 0.1, {"version": other})):
        make_run(cast, state="succeeded", name=name, summary={"validation/loss": {"min": loss, "max": 9.0}}, **data)
    address, client = f"/projects/{cast.project.code}/models/", cast.client(cast.vera)
    page: Any = client.get(address)
    assert [point.run.name for point in page.context["ranking"].points] == ["r1", "r0"]
    assert "comparable only on the same data" in page.content.decode()
    assert [point.run.name for point in client.get(f"{address}?data={other.code}").context["points"]] == ["easy"]
    everything: Any = client.get(f"{address}?data=all")
    assert everything.context["ranking"].best.run.name == "easy"
    assert "their results are not comparable" in everything.content.decode()
