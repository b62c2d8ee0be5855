"""The advisor: at most six ways, each reckoned from what was asked; what people have in mind put right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories import Cast
from tests.webapp.ladders.rows import measured_worker
from tests.webapp.runs.rows import make_run, make_version
from trainer.families import get_family
from webapp.planning.advisor.advice import Advice
from webapp.planning.advisor.quality import error_of
from webapp.planning.advisor.table import decision_table
from webapp.planning.advisor.words import corrections

pytestmark = pytest.mark.django_db
TASKS = ("classify", "entities", "embed", "generate", "images")


@pytest.fixture(autouse=True)
def _measured(db: None) -> None:
    measured_worker()


def ask(cast: Cast, **answers: Any) -> dict[str, Advice]:
    page: Any = cast.client(cast.vera).get(f"/projects/{cast.project.code}/advisor/", {"task": "classify", **answers})
    assert page.status_code == 200
    return {each.way.name: each for each in page.context["advices"]}


def test_every_way_of_the_table_is_a_size_of_a_family() -> None:
    for way in decision_table().way:
        assert way.how == "api" or way.preset in get_family(way.family).presets, way.name
    for task in TASKS:
        assert 1 < len(decision_table().of_task(task)) <= 6, task


def test_more_examples_never_make_it_worse() -> None:
    errors = [error_of(n, floor=0.05, num_labels=4, half=20) for n in (0, 1, 10, 100, 1e4, 1e9)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == pytest.approx(0.75)
    assert errors[-1] == pytest.approx(0.05, abs=1e-3)


def test_the_cheapest_that_meets_the_bar_is_marked_and_others_are_told_why_not(cast: Cast) -> None:
    found = ask(cast, num_examples=2_000, num_labels=4, quality=85, latency_ms=1000, requests_per_month=100_000)
    best = [each for each in found.values() if each.is_best]
    assert len(best) == 1
    assert best[0].regret_usd == 0
    meeting = [each for each in found.values() if each.meets_bar]
    assert best[0].total_usd == min(each.total_usd for each in meeting)
    assert all(each.regret_usd is None or each.regret_usd >= 0 for each in meeting)
    strict = ask(cast, num_examples=2_000, num_labels=4, quality=99)
    assert not any(each.is_best for each in strict.values())
    assert all("99 %" in " ".join(each.fails) for each in strict.values())


def test_few_labels_are_for_a_start_that_has_read_and_many_for_anything(cast: Cast) -> None:
    few, many = (ask(cast, num_examples=n, num_labels=4, quality=80) for n in (40, 200_000))
    assert few["bert-scratch"].quality.value < 0.6 < few["bert-tune"].quality.value
    assert many["bert-scratch"].quality.value > 0.9
    assert few["api"].quality.value == many["api"].quality.value


def test_volume_turns_the_choice_from_buying_to_owning(cast: Cast) -> None:
    seldom = ask(cast, num_examples=2_000, num_labels=4, requests_per_month=10, quality=70)
    often = ask(cast, num_examples=2_000, num_labels=4, requests_per_month=50_000_000, quality=70)
    assert often["api"].regret_usd > 1000 > (seldom["api"].regret_usd or 0)


def test_every_weight_can_be_changed(cast: Cast) -> None:
    usual = ask(cast, num_examples=400)
    changed = ask(cast, num_examples=400, **{"bert-scratch.data_worth": 500, "bert-scratch.hours": 0})
    assert changed["bert-scratch"].quality.value > usual["bert-scratch"].quality.value
    assert changed["bert-scratch"].once_usd < usual["bert-scratch"].once_usd
    wider = ask(cast, num_examples=400, half=200, **{"api.worth_labels": 9000, "api.latency_seconds": 5})
    assert wider["bow"].quality.value < usual["bow"].quality.value  # the task wants more of it now
    assert wider["api"].latency_seconds == 5
    longer = ask(cast, num_examples=400, **{"bow.epochs": 40})["bow"].training_seconds
    assert longer.p50 > usual["bow"].training_seconds.p50
    assert changed["bow"] == usual["bow"] or changed["bow"].regret_usd != usual["bow"].regret_usd


def test_a_run_of_the_project_takes_the_place_of_a_belief(cast: Cast) -> None:
    version = make_version(cast)
    run = make_run(cast, version=version, state="succeeded", family="bert", test_metrics={"accuracy": 0.91, "step": 9})
    run.spec = {"model": {"objective": "classify"}, "transfer": {"source": "/weights"}}
    run.save()
    found = ask(cast, version=version.pk)
    assert (found["bert-tune"].quality.value, found["bert-tune"].quality.run) == (0.91, run)
    assert found["bert-scratch"].quality.run is None


def test_of_writing_a_run_of_the_project_tells_its_bits_per_byte(cast: Cast) -> None:
    version = make_version(cast)
    assert ask(cast, task="generate", version=version.pk)["gpt-scratch"].quality.run is None
    for bits in (1.9, 1.4, 1.6):
        make_run(cast, version=version, state="succeeded", test_metrics={"bits_per_byte": bits, "step": 9})
    found = ask(cast, task="generate", version=version.pk)["gpt-scratch"].quality
    assert (found.value, found.bits_per_byte) == (None, 1.4)


def test_another_task_brings_its_own_beliefs(cast: Cast) -> None:
    place = f"/projects/{cast.project.code}/advisor/"
    asked = {"task": "images", "part": "1", "beliefs_of": "classify"}
    page = cast.client(cast.vera).get(place, asked).content.decode()
    assert 'hx-swap-oob="true"' in page
    assert 'name="resnet-scratch.hours"' in page
    assert "hx-swap-oob" not in cast.client(cast.vera).get(place, {**asked, "beliefs_of": "images"}).content.decode()


def test_where_no_way_meets_the_bar_the_page_says_so(cast: Cast) -> None:
    place = f"/projects/{cast.project.code}/advisor/"
    asked = {"task": "classify", "num_examples": "200", "num_labels": "4"}
    for quality, is_said in (("99.9", True), ("10", False)):
        page = cast.client(cast.vera).get(place, {**asked, "quality": quality}).content.decode()
        assert ("No way meets all that is wanted" in page) == is_said


def test_an_address_that_names_little_is_filled_up(cast: Cast) -> None:
    page: Any = cast.client(cast.vera).get(
        f"/projects/{cast.project.code}/advisor/", {"task": "classify", "budget_usd": ""}
    )
    form, wanted = page.context["form"], page.context["wanted"]
    assert form["quality"].value() == 85
    assert (wanted.quality, wanted.latency_seconds) == (0.85, 1.0)
    assert form["budget_usd"].value() == ""  # somebody emptied it


def test_no_examples_are_none_and_not_the_usual_number(cast: Cast) -> None:
    """From nothing a model of one's own guesses; what needs no examples is as good as ever."""
    ways = ask(cast, num_labels=2, num_examples=0)
    page: Any = cast.client(cast.vera).get(
        f"/projects/{cast.project.code}/advisor/", {"task": "classify", "num_labels": "2", "num_examples": "0"}
    )
    assert page.context["wanted"].num_examples == 0
    assert ways["bow"].quality.value == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_its_page_also_without_data(cast: Cast, task: str) -> None:
    assert ask(cast, task=task, num_labels=5, num_examples=3_000)


@pytest.mark.parametrize(
    ("in_mind", "task", "says"),
    [
        ("BERT", "images", "reads text, not pictures"),
        ("ResNet-50", "classify", "looks at pictures"),
        ("BERT", "generate", "does not write"),
        ("Llama 8B", "classify", "hundredth of its size"),
        ("TF-IDF", "entities", "forgets the order"),
        ("Llama 8B", "generate", "you have 1.0 M"),
        ("我想用 BERT 看图片", "images", "reads text, not pictures"),
        ("通义千问 70亿", "classify", "hundredth of its size"),
        ("千问 80亿 (8B)", "generate", "you have 1.0 M"),
        ("卷积网络", "entities", "looks at pictures"),
        ("a fine roberta", "classify", ""),
        ("GPT", "generate", ""),
        ("", "images", ""),
    ],
)
def test_common_mistakes_are_put_right_kindly(in_mind: str, task: str, says: str) -> None:
    found = " ".join(corrections(in_mind, task, num_tokens=1e6 if "8B" in in_mind else 0))
    assert says in found if says else found == ""


def test_what_is_no_number_is_refused_and_strangers_see_nothing(cast: Cast) -> None:
    url = f"/projects/{cast.project.code}/advisor/"
    page = cast.client(cast.bob).get(url, {"task": "classify", "quality": "very"}).content.decode()
    assert 'role="alert"' in page
    assert "Right answers wanted, %: Enter a number." in page  # by its name on the page, not in the address
    assert cast.client(cast.charlie).get(url).status_code == 404
    assert cast.client(cast.bob).get(url).status_code == 200  # as it opens
