"""Guard rails: what is found, what is refused or masked, and that each decision is kept with its reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from tests.factories import Cast, make_checkpoint
from webapp.registry.models import ModelVersion
from webapp.serving.guarding import guards_of, held_back, keep, refusal
from webapp.serving.guards import checked
from webapp.serving.models import Guard, GuardDecision


def guard(**fields: Any) -> Guard:
    return Guard(**{"name": "g", "kind": "words", "direction": "both", "action": "refuse", **fields})


@pytest.mark.parametrize(
    ("terms", "text", "reason"),
    [
        ("bomb", "how to build a Bomb?", "words: bomb"),
        ("bomb", "bombastic", ""),
        ("bomb*", "bombastic", "words: bombastic"),
        ("credit card\nloan", "my credit card", "words: credit card"),
        ("炸弹", "怎么做炸弹呢", "words: 炸弹"),
        ("a.b", "axb", ""),
        ("", "anything", ""),
    ],
)
def test_words_are_whole_words_taken_literally(terms: str, text: str, reason: str) -> None:
    verdict = checked(text, [guard(terms=terms)], direction="input")
    assert [each.reason for each in verdict.decisions] == ([reason] if reason else [])
    assert verdict.is_refused == bool(reason)


def test_a_topic_needs_so_many_of_its_words() -> None:
    medical = guard(terms="dose\npill*\nsymptom*", min_hits=2, refusal="Please ask a doctor.")
    assert not checked("a pill, another pill", [medical], direction="input").decisions
    verdict = checked("which dose of pills", [medical], direction="input")
    assert verdict.text == "Please ask a doctor."


def test_masks_add_up_and_look_only_where_they_are_meant_to() -> None:
    guards = [
        guard(kind="personal", action="mask", direction="output"),
        guard(terms="secret", action="mask", direction="output"),
    ]
    verdict = checked("the secret is ada@example.org", guards, direction="output")
    assert verdict.text == "the ••• is <EMAIL>"
    assert [each.reason for each in verdict.decisions] == ["personal data: email (1)", "words: secret"]
    assert checked("the secret", guards, direction="input").text == "the secret"


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_held_back_until_it_was_checked(cast: Cast) -> None:
    checkpoint = make_checkpoint(cast)
    mine = Guard.objects.create(project=cast.project, name="Mask", kind="personal", direction="output", action="mask")

    async def answers() -> AsyncIterator[dict[str, Any]]:
        yield {"event": "start", "prompt": "", "num_cut_tokens": 0}
        for text in ("write to ada@", "example.org", " today"):
            yield {"event": "token", "text": text}
        yield {"event": "done", "result": {"num_tokens": 3, "end": "length"}}

    async def all_of() -> list[dict[str, Any]]:
        return [message async for message in held_back(answers(), [mine], checkpoint, cast.bob)]

    told = async_to_sync(all_of)()
    assert [message["event"] for message in told] == ["start", "token", "done"]
    assert told[1]["text"] == "write to <EMAIL> today"
    assert told[2]["result"]["end"] == "masked"
    decision = GuardDecision.objects.get()
    assert (decision.guard, decision.action, decision.direction, decision.created_by) == (
        mine,
        "mask",
        "output",
        cast.bob,
    )
    assert decision.reason == "personal data: email (1)"
    assert "ada@" not in decision.excerpt


@pytest.mark.django_db(transaction=True)
def test_guards_of_a_version_guard_that_version_alone(cast: Cast) -> None:
    first, second = make_checkpoint(cast), make_checkpoint(cast, step=200)
    version = ModelVersion.objects.create(
        project=cast.project, name="helper", number=1, checkpoint=first, sha256=first.sha256
    )
    Guard.objects.create(project=cast.project, name="one", terms="x", version=version)
    Guard.objects.create(project=cast.project, name="all", terms="x")
    Guard.objects.create(project=cast.project, name="off", terms="x", is_on=False)
    assert {each.name for each in async_to_sync(guards_of)(first)} == {"one", "all"}
    assert {each.name for each in async_to_sync(guards_of)(second)} == {"all"}
    async_to_sync(keep)(checked("x", [guard(terms="y")], direction="input"), first, "x", cast.bob)
    assert not GuardDecision.objects.exists()
    assert [message["event"] for message in refusal("no")] == ["start", "token", "done"]


def test_only_admins_change_guards_and_everybody_sees_decisions(cast: Cast) -> None:
    url = reverse("guards", args=[cast.project.code])
    given = {
        "name": "Bombs",
        "kind": "words",
        "direction": "both",
        "action": "refuse",
        "terms": "bomb*",
        "min_hits": "",
    }
    assert cast.client(cast.bob).post(reverse("guard-create", args=[cast.project.code]), given).status_code == 403
    admin = cast.client(cast.alice)
    wrong = admin.post(reverse("guard-create", args=[cast.project.code]), {**given, "terms": " "})
    assert wrong.status_code == 422
    assert "Write the words" in wrong.content.decode()
    assert admin.post(reverse("guard-create", args=[cast.project.code]), given).headers["Location"] == url
    made = Guard.objects.get()
    assert (made.min_hits, made.created_by) == (1, cast.alice)
    GuardDecision.objects.create(
        project=cast.project, guard=made, guard_name="Bombs", model_label="m", direction="input", action="refuse",
        reason="words: bomb", excerpt="<b>",
    )  # fmt: skip
    page = cast.client(cast.vera).get(url).content.decode()
    assert "words: bomb" in page
    assert "&lt;b&gt;" in page
    admin.post(reverse("guard-change", args=[cast.project.code]), {"guard": made.pk, "do": "switch"})
    made.refresh_from_db()
    assert not made.is_on
    admin.post(reverse("guard-change", args=[cast.project.code]), {"guard": made.pk, "do": "remove"})
    assert GuardDecision.objects.get().guard is None
