"""Contests are judged blind, in random order, by people or by rules; choices of the playground become data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from scipy.stats import binomtest

from tests.factories import Cast, make_checkpoint, make_run
from trainer.data.formats.reading import Row
from trainer.data.parts.preferences import reader
from trainer.data.parts.recipe import PreferencesStep
from trainer.data.sources import SourceSpec
from webapp.datasets.models import DatasetVersion
from webapp.runs.models import Run
from webapp.serving.contests import (
    ContestRefused,
    bout_judge,
    contest_create,
    contest_rate,
    prompt_set_save,
    prompts_of,
    rates_by_rule,
)
from webapp.serving.models import Bout, Contest, Preference, PromptSet
from webapp.serving.rules import exact_interval, judged, win_rate


def contest(cast: Cast, **fields: Any) -> Contest:
    run = make_run(cast)
    models = {"first": make_checkpoint(cast, run), "second": make_checkpoint(cast, run, step=200)}
    prompts = prompts_of(
        "\n".join(fields.pop("prompts", map(str, range(40)))), has_wanted=fields.pop("has_wanted", False)
    )
    prompt_set = prompt_set_save(project=cast.project, name="p", prompts=prompts, created_by=cast.bob)
    values: dict[str, Any] = {"name": "c", "prompt_set": prompt_set, **models, **fields}
    return contest_create(project=cast.project, created_by=cast.bob, **values)


def answered(made: Contest) -> None:
    made.bouts.update(first_answer="one", second_answer="two", answered_at=timezone.now())


def test_people_do_not_see_whose_answer_is_whose(cast: Cast) -> None:
    made = contest(cast)
    answered(made)
    swapped = list(made.bouts.values_list("is_swapped", flat=True))
    assert 5 < sum(swapped) < 35  # the order is drawn anew for each prompt
    url = reverse("contests", args=[cast.project.code]) + f"?contest={made.code}"
    page = cast.client(cast.bob).get(url).content.decode()
    bout = page[page.index('id="bout"') : page.index("</form>", page.index('id="bout"'))]
    assert made.first_label not in bout
    assert made.second_label not in bout
    first = made.bouts.order_by("number").first()
    assert first is not None
    left = "two" if first.is_swapped else "one"
    assert f'data-answer="left">{left}' in bout


def test_a_choice_counts_for_the_model_behind_it(cast: Cast) -> None:
    made = contest(cast, prompts=["a", "b", "c"])
    answered(made)
    judge = reverse("contest-judge", args=[cast.project.code])
    client = cast.client(cast.bob)
    for bout in made.bouts.all():
        wanted = {1: "second", 2: "second", 3: "tie"}[bout.number]
        side = "tie" if wanted == "tie" else "left" if (wanted == "second") == bout.is_swapped else "right"
        client.post(judge, {"contest": made.code, "number": bout.number, "choice": side})
        bout.refresh_from_db()
        assert (bout.winner, bout.judged_by) == (wanted, cast.bob)
    rate = contest_rate(made)
    assert (rate.wins, rate.losses, rate.ties) == (2, 0, 1)
    assert rate.rate == pytest.approx(2.5 / 3)
    with pytest.raises(ContestRefused, match="judged already"):
        bout_judge(contest=made, number=1, choice="left", judged_by=cast.bob)
    assert cast.client(cast.vera).post(judge, {}).status_code == 403


def test_the_interval_is_the_exact_one() -> None:
    for wins, total in ((0, 5), (3, 10), (47, 60), (9, 9)):
        reference = binomtest(wins, total).proportion_ci(method="exact")
        assert exact_interval(wins, total) == pytest.approx((reference.low, reference.high))
    assert exact_interval(0, 0) == (0.0, 1.0)


def test_ties_are_no_proof_that_models_are_alike() -> None:
    rate = win_rate(["tie"] * 8)
    assert rate.rate == 0.5
    assert rate.low is not None
    assert rate.low < 0.2
    assert win_rate(["second"] * 40 + ["tie"] * 10).verdict == "second"


@pytest.mark.parametrize(
    ("rule", "text", "winner"),
    [
        ("contains", "two", "second"),
        ("lacks", "two", "first"),
        ("json", "", "first"),
        ("shorter", "", "first"),
        ("longer", "", "second"),
        ("wanted", "words", "second"),
        ("wanted", "", "tie"),
    ],
)
def test_rules_judge(rule: str, text: str, winner: str) -> None:
    assert judged(rule, text, '{"a": 1}', "two words") == winner
    assert judged(rule, text, "same", "same") == "tie"


def test_what_cannot_be_held_is_said(cast: Cast) -> None:
    for wrong, why in (({"prompts": []}, "Give from 1"), ({"rule": "contains"}, "text that the rule looks for")):
        with pytest.raises(ContestRefused, match=why):
            contest(cast, **wrong)
    one = make_checkpoint(cast)
    with pytest.raises(ContestRefused, match="two different models"):
        contest(cast, first=one, second=one)
    assert not Bout.objects.exists()


def test_choices_are_kept_and_become_data(cast: Cast) -> None:
    run = make_run(cast)
    models = {"chosen_by": make_checkpoint(cast, run).code, "rejected_by": make_checkpoint(cast, run, step=200).code}
    given = {"messages": json.dumps([{"role": "user", "content": "你好"}]), "chosen": "好", "rejected": "不", **models}
    url = reverse("preference-create", args=[cast.project.code])
    assert cast.client(cast.bob).post(url, given).status_code == 204
    assert cast.client(cast.bob).post(url, {**given, "messages": "[]"}).status_code == 422
    assert cast.client(cast.bob).post(url, {**given, "chosen_by": "nobody"}).status_code == 422
    kept = Preference.objects.get()
    assert (kept.created_by, kept.chosen) == (cast.bob, "好")
    answer = cast.client(cast.vera).get(reverse("preferences-download", args=[cast.project.code]))
    row = json.loads(b"".join(list(answer)))
    head: list[Row] = [(1, row)]
    made = reader(SourceSpec(path="x"), head, PreferencesStep())(row)
    assert list(made[0].parts) == [("user", "你好"), ("chosen", "好"), ("rejected", "不")]


def test_prompts_are_kept_as_a_set_and_used_again(cast: Cast) -> None:
    run = make_run(cast, family="gpt")
    first, second = make_checkpoint(cast, run), make_checkpoint(cast, run, step=200)
    client, url = cast.client(cast.bob), reverse("contest-create", args=[cast.project.code])
    given = {"name": "Sums", "first": first.code, "second": second.code, "rule": "wanted", "has_wanted": "1"}
    client.post(url, {**given, "prompts": "1 + 1 => 2\n\n2 + 2 => 4"})
    kept = PromptSet.objects.get()
    assert kept.prompts == [{"prompt": "1 + 1", "wanted": "2"}, {"prompt": "2 + 2", "wanted": "4"}]
    client.post(url, {**given, "prompt_set": kept.code})
    assert [each.prompt_set for each in Contest.objects.all()] == [kept, kept]
    page = client.post(url, {**given, "prompts": "no sign"}, follow=True).content.decode()
    assert "has no “ =&gt; ”" in page
    client.post(url, {**given, "name": "Sums", "prompts": "a => b"})
    assert {each.name for each in PromptSet.objects.all()} == {"Sums", "Sums 2"}  # those of earlier contests stay
    assert cast.client(cast.charlie).post(url, given).status_code == 404


def test_answers_that_people_judge_are_told_by_every_rule_as_well(cast: Cast) -> None:
    made = contest(cast, prompts=["a => two", "b => two", "c => one"], has_wanted=True)
    answered(made)
    rates = {name: rate for name, _words, rate in rates_by_rule(made)}
    assert set(rates) == {"wanted", "json", "shorter", "longer"}
    assert (rates["wanted"].wins, rates["wanted"].losses) == (2, 1)
    assert rates["json"].ties == 3
    assert rates["json"].verdict == "unclear"
    page = cast.client(cast.vera).get(reverse("contests", args=[cast.project.code]) + f"?contest={made.code}")
    assert 'data-rule="wanted"' in page.content.decode()


def test_choices_of_a_contest_become_preferences_for_its_model(cast: Cast, settings: Any, tmp_path: Path) -> None:
    settings.ISOCOST_FILES = tmp_path
    made = contest(cast, prompts=[f"question {n}" for n in range(8)])
    answered(made)
    learn, client = reverse("choices-learn", args=[cast.project.code]), cast.client(cast.bob)
    assert made.second is not None
    Run.objects.filter(pk=made.second.run_id).update(spec={**made.second.run.spec, "model": {"objective": "answer"}})
    tokenizer = made.second.run.dataset_version.path / "tokenizer"
    tokenizer.mkdir(parents=True)
    (tokenizer / "tokenizer.json").write_text("{}")
    assert "judge at least 5" in client.post(learn, {"contest": made.code}, follow=True).content.decode()
    made.bouts.filter(number__lte=5).update(winner="second")
    made.bouts.filter(number=6).update(winner="tie")
    client.post(learn, {"contest": made.code})
    version = DatasetVersion.objects.get(dataset__data_kind="preferences")
    rows = [json.loads(line) for line in version.dataset.files.get().path.read_text().splitlines()]
    assert len(rows) == 5
    question = [{"role": "user", "content": "question 0"}]
    assert rows[0] == {"prompt": question, "chosen": "two", "rejected": "one"}
    assert version.job.spec["tokenizer_path"] == str(tokenizer)
    made.bouts.filter(number=7).update(winner="first")
    client.post(learn, {"contest": made.code})
    assert DatasetVersion.objects.filter(dataset=version.dataset).count() == 2
    assert len(version.dataset.files.live().get().path.read_text().splitlines()) == 6
    made.refresh_from_db()
    assert made.dataset == version.dataset
    assert cast.client(cast.vera).post(learn, {"contest": made.code}).status_code == 403


def test_choices_of_conversations_are_learnt_from_where_they_were_prepared(
    cast: Cast, settings: Any, tmp_path: Path
) -> None:
    settings.ISOCOST_FILES = tmp_path
    learner = contest(cast, prompts=["a", "b"]).second
    assert learner is not None
    Run.objects.filter(pk=learner.run_id).update(spec={**learner.run.spec, "model": {"objective": "answer"}})
    tokenizer = learner.run.dataset_version.path / "tokenizer"
    tokenizer.mkdir(parents=True)
    (tokenizer / "tokenizer.json").write_text("{}")
    for number in range(5):
        said = [{"role": "user", "content": f"question {number}"}]
        Preference.objects.create(project=cast.project, messages=said, chosen="two", rejected="one")
    client = cast.client(cast.bob)
    client.post(reverse("choices-learn", args=[cast.project.code]), {"learner": learner.code})
    version = DatasetVersion.objects.get(dataset__data_kind="preferences")
    page = reverse("contests", args=[cast.project.code])
    start = f"version={version.code}&amp;start="
    assert start not in client.get(page).content.decode()
    DatasetVersion.objects.filter(pk=version.pk).update(
        ready_at=timezone.now(), content_hash="0" * 64, stored_path="versions/x"
    )
    assert start in client.get(page).content.decode()
